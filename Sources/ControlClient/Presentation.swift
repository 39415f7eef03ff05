package import JSONValues

/// How answers are shown.
package enum Presentation: String, CaseIterable, Sendable {
    /// Columns for people.
    case table
    /// The API's own documents.
    case json
    /// The same as YAML.
    case yaml

    /// One column of a table: its title and where its value is, as member names with points between.
    package struct Column: Sendable {
        var title: String
        var path: String

        /// Makes a column.
        package init(_ title: String, _ path: String) {
            self.title = title
            self.path = path
        }
    }

    /// `value` as text that ends in a line break. A table shows the elements of a list, or of `items`, or one element.
    package func text(_ value: JSONValue, _ columns: [Column]) -> String {
        switch self {
        case .json: return String(decoding: value.bytes(isPretty: true), as: UTF8.self) + "\n"
        case .yaml: return YAMLText.write(value)
        case .table: break
        }
        var rows = value["items"]?.elements ?? value.elements
        if case .object = value, value["items"] == nil { rows = [value] }
        let cells = [columns.map(\.title)] + rows.map { row in columns.map { Self.cell(row, $0.path) } }
        let widths = columns.indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
        return cells.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell + String(repeating: " ", count: widths[index] - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    private static func cell(_ row: JSONValue, _ path: String) -> String {
        var value: JSONValue? = row
        for part in path.split(separator: ".") {
            if part == "#" {
                value = value.map { .integer(Int64($0.elements.count)) }
            } else {
                value = value?[String(part)]
            }
        }
        return shown(value)
    }

    /// A value in one line without anything that could drive a terminal.
    static func shown(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "-"
        case .string(let text)?: String(text.map { $0.isNewline || isControl($0) ? "\u{FFFD}" : $0 })
        case .bool(let truth)?: truth ? "yes" : "no"
        case let other?: String(decoding: other.bytes(), as: UTF8.self)
        }
    }

    private static func isControl(_ character: Character) -> Bool {
        character.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
