/// The one place where values become SQL text.
///
/// ProxySQL's admin interface parses SQL with SQLite: a single quote is doubled, and nothing else has a meaning inside
/// a quoted text, backslashes included (SQLite documentation, "SQL As Understood By SQLite", literal values).
package enum SQLText {
    /// `value` as a literal.
    /// - Throws: `unusableText` for a NUL, which no literal can hold.
    package static func quote(_ value: String) throws(AdminError) -> String {
        guard !value.utf8.contains(0) else {
            throw AdminError(.unusableText, "a value has a NUL character, which ProxySQL cannot store")
        }
        return "'" + value.replacing("'", with: "''") + "'"
    }

    /// `value` as a literal, nil as NULL.
    package static func quote(_ value: String?) throws(AdminError) -> String {
        guard let value else { return "NULL" }
        return try quote(value)
    }

    /// Checks that `statement` is one statement: the admin interface runs several only in part and without an error,
    /// and up to 2.7.1 dies of a lone `;` (`facts/proxysql.md`, 0.7).
    package static func check(_ statement: String) throws(AdminError) {
        var isQuoted = false
        for byte in statement.utf8 {
            if byte == UInt8(ascii: "'") { isQuoted.toggle() }
            if byte == UInt8(ascii: ";"), !isQuoted {
                throw AdminError(.unusableText, "one statement without a semicolon is sent at a time")
            }
        }
        guard !isQuoted, statement.contains(where: { !$0.isWhitespace }) else {
            throw AdminError(.unusableText, "a statement is empty or has a quote that does not end")
        }
    }

    /// `text` with every quoted value replaced, for errors and logs.
    package static func redact(_ text: String) -> String {
        var result = ""
        var isQuoted = false
        for character in text {
            if character == "'" {
                if isQuoted { result += "…" }
                isQuoted.toggle()
                result.append(character)
            } else if !isQuoted {
                result.append(character)
            }
        }
        return result
    }
}
