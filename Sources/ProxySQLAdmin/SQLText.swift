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
        // By bytes: a quote that a combining mark follows is another `Character` than a quote, and the same to SQLite.
        var literal: [UInt8] = [quoteMark]
        for byte in value.utf8 {
            literal.append(byte)
            if byte == quoteMark { literal.append(quoteMark) }
        }
        literal.append(quoteMark)
        return String(decoding: literal, as: UTF8.self)
    }

    /// `value` as a literal, nil as NULL.
    package static func quote(_ value: String?) throws(AdminError) -> String {
        guard let value else { return "NULL" }
        return try quote(value)
    }

    /// Checks that `statement` is one statement: the admin interface runs several only in part and without an error,
    /// and up to 2.7.1 dies of a lone `;` (seen on that version).
    package static func check(_ statement: String) throws(AdminError) {
        var isQuoted = false
        for byte in statement.utf8 {
            if byte == quoteMark { isQuoted.toggle() }
            if byte == UInt8(ascii: ";"), !isQuoted {
                throw AdminError(.unusableText, "one statement without a semicolon is sent at a time")
            }
        }
        guard !isQuoted, statement.contains(where: { !$0.isWhitespace }) else {
            throw AdminError(.unusableText, "a statement is empty or has a quote that does not end")
        }
        guard statement.split(whereSeparator: \.isWhitespace).first?.uppercased() != "SET" else {
            throw AdminError(
                .unusableText,
                "SET is not sent, it succeeds for unknown names too; UPDATE global_variables and read back")
        }
    }

    /// `text` with every quoted value replaced, for errors and logs.
    package static func redact(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isQuoted = false
        for scalar in text.unicodeScalars {
            if scalar == "'" {
                if isQuoted { result.append("…") }
                isQuoted.toggle()
                result.append(scalar)
            } else if !isQuoted {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private static let quoteMark = UInt8(ascii: "'")
}
