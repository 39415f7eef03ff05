/// One column of an admin table: its name and what follows the name in the definition.
struct ColumnSpec: Sendable {
    let name: String
    let definition: String

    /// A text column; `default` is its SQL default, nil for none.
    static func text(_ name: String, default value: String? = nil, required: Bool = true) -> ColumnSpec {
        var words = ["VARCHAR"]
        if required { words.append("NOT NULL") }
        if let value { words.append("DEFAULT '\(value)'") }
        return ColumnSpec(name: name, definition: words.joined(separator: " "))
    }

    /// A required number with a check, whose text is part of the error that a bad value gets.
    static func number(
        _ name: String, _ check: String? = nil, default value: Int? = nil, required: Bool = true,
        type: String = "INT"
    ) -> ColumnSpec {
        var words = [type]
        if let check { words.append("CHECK (\(check))") }
        if required { words.append("NOT NULL") }
        if let value { words.append("DEFAULT \(value)") }
        return ColumnSpec(name: name, definition: words.joined(separator: " "))
    }

    /// A column that is 0 or 1.
    static func flag(_ name: String, default value: Int?, required: Bool = true) -> ColumnSpec {
        number(name, "\(name) IN (0,1)", default: value, required: required)
    }

    /// A port number.
    static func port(_ name: String, default value: Int) -> ColumnSpec {
        number(name, "\(name) >= 0 AND \(name) <= 65535", default: value)
    }

    /// A document in JSON, or nothing.
    static func json(_ name: String) -> ColumnSpec {
        ColumnSpec(
            name: name,
            definition: "VARCHAR CHECK (JSON_VALID(\(name)) OR \(name) = '') NOT NULL DEFAULT ''")
    }
}

/// One admin table: its columns and table constraints.
struct TableSpec: Sendable {
    let name: String
    let columns: [ColumnSpec]
    var constraints: [String] = []

    /// The same table under another name, for `runtime_*` and `*_reset` copies.
    func renamed(_ name: String) -> TableSpec {
        TableSpec(name: name, columns: columns, constraints: constraints)
    }

    /// The statement that creates the table in `schema`.
    func createStatement(schema: String) -> String {
        let lines = columns.map { "    \($0.name) \($0.definition)" } + constraints.map { "    \($0)" }
        return "CREATE TABLE \(schema).\(name) (\n" + lines.joined(separator: ",\n") + ")"
    }
}
