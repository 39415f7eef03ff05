import MySQLWire

/// Writes rows into an output that is made when the first one comes, so that nothing is made for none.
final class DigestWriter {
    private let settings: DumpSettings
    private let makeOutput: () throws(DigestError) -> any DigestOutput
    private var output: (any DigestOutput)?
    private var gzip: GzipStream?
    private var encoder: DigestEncoder?
    private var buffer: [UInt8] = []
    /// How many rows were taken.
    private(set) var rows = 0
    /// How many bytes were handed to the output.
    private(set) var bytes = 0

    private static let bufferSize = 128 << 10

    init(_ settings: DumpSettings, makeOutput: @escaping () throws(DigestError) -> any DigestOutput) {
        self.settings = settings
        self.makeOutput = makeOutput
    }

    /// The columns that are not in this ProxySQL, once a row came.
    var missing: [String] { encoder?.missing ?? [] }

    func append(_ row: MySQLRow, columns: MySQLColumns) throws(DigestError) {
        if encoder == nil {
            output = try makeOutput()
            if settings.compresses { gzip = try GzipStream() }
            buffer.reserveCapacity(Self.bufferSize + 4_096)
            let made = DigestEncoder(settings.format, settings.columns, of: columns, host: settings.hostName)
            made.appendHeader(to: &buffer)
            encoder = made
        }
        encoder?.append(row, to: &buffer)
        rows += 1
        if buffer.count >= Self.bufferSize { try flush(isLast: false) }
    }

    /// Makes the file visible, if there was a row.
    func commit() throws(DigestError) {
        guard let output else { return }
        try flush(isLast: true)
        try output.commit()
    }

    func abandon() {
        output?.abandon()
        output = nil
    }

    private func flush(isLast: Bool) throws(DigestError) {
        guard let output else { return }
        if let gzip {
            var count = 0
            try gzip.compress(buffer, isLast: isLast) { (block) throws(DigestError) in
                count += block.count
                try output.write(block)
            }
            bytes += count
        } else {
            try output.write(buffer[...])
            bytes += buffer.count
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
