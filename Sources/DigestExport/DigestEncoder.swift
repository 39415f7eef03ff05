package import MySQLWire

/// How rows are written.
package enum DigestFormat: String, Hashable, Sendable, CaseIterable {
    /// RFC 4180: a header line, CRLF, quotes where a comma, a quote or a line break wants them.
    case csv
    /// One JSON object a line.
    case ndjson
}

/// Turns rows into the bytes of the file; columns are found by name, since their order and number differ between
/// versions of ProxySQL.
package struct DigestEncoder: Sendable {
    private let format: DigestFormat
    private let columns: [DigestColumn]
    /// Where each column is in ProxySQL's row, nil where it is not.
    private let positions: [Int?]
    private let host: [UInt8]
    private let keys: [[UInt8]]

    /// Makes the encoder for the rows of one result.
    package init(_ format: DigestFormat, _ columns: [DigestColumn], of result: MySQLColumns, host: String) {
        self.format = format
        self.columns = columns
        self.positions = columns.map { $0.content.source.flatMap(result.index(of:)) }
        self.host = Array(host.utf8)
        self.keys = columns.enumerated().map { index, column in
            Array("\(index == 0 ? "{" : ",")\"\(column.name)\":".utf8)
        }
    }

    /// The columns that this ProxySQL does not have: they stay empty.
    package var missing: [String] {
        zip(columns, positions).filter { $0.content.source != nil && $1 == nil }.map(\.0.name)
    }

    /// Appends what stands before the first row.
    package func appendHeader(to output: inout [UInt8]) {
        guard format == .csv else { return }
        output.append(contentsOf: columns.map(\.name).joined(separator: ",").utf8)
        output.append(contentsOf: Self.lineEnd)
    }

    /// Appends one row.
    package func append(_ row: MySQLRow, to output: inout [UInt8]) {
        row.withCells { cells in
            for index in columns.indices {
                let cell = positions[index].flatMap { cells[$0] }
                switch format {
                case .csv:
                    if index > 0 { output.append(UInt8(ascii: ",")) }
                    appendCSV(columns[index].content, cell, &output)
                case .ndjson:
                    output.append(contentsOf: keys[index])
                    appendJSON(columns[index].content, cell, &output)
                }
            }
        }
        switch format {
        case .csv: output.append(contentsOf: Self.lineEnd)
        case .ndjson: output.append(contentsOf: Self.objectEnd)
        }
    }

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]
    private static let objectEnd: [UInt8] = Array("}\n".utf8)

    private func appendCSV(
        _ content: DigestColumn.Content, _ cell: UnsafeRawBufferPointer?, _ output: inout [UInt8]
    ) {
        switch content {
        case .host: host.withUnsafeBytes { CSVText.append($0, to: &output) }
        case .time:
            guard let cell else { return }
            if let seconds = DigestText.integer(cell) {
                DigestText.appendTime(seconds, to: &output)
            } else {
                CSVText.append(cell, to: &output)
            }
        case .text, .number:
            if let cell { CSVText.append(cell, to: &output) }
        }
    }

    private func appendJSON(
        _ content: DigestColumn.Content, _ cell: UnsafeRawBufferPointer?, _ output: inout [UInt8]
    ) {
        switch content {
        case .host: host.withUnsafeBytes { JSONText.append($0, to: &output) }
        case .text:
            if let cell { JSONText.append(cell, to: &output) } else { JSONText.appendNull(to: &output) }
        case .number:
            guard let cell else { return JSONText.appendNull(to: &output) }
            if let number = DigestText.integer(cell) {
                output.append(contentsOf: "\(number)".utf8)
            } else {
                JSONText.append(cell, to: &output)
            }
        case .time:
            guard let cell else { return JSONText.appendNull(to: &output) }
            guard let seconds = DigestText.integer(cell) else { return JSONText.append(cell, to: &output) }
            output.append(UInt8(ascii: "\""))
            DigestText.appendTime(seconds, to: &output)
            output.append(UInt8(ascii: "\""))
        }
    }
}
