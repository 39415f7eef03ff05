/// A statement as it came, without what ProxySQL removes before it looks at it.
struct StatementText: Sendable {
    /// Without comments at the start, spaces around and semicolons at the ends.
    let text: String
    /// Its words in upper case; quoted text counts as words too, so use this for commands only.
    let words: [String]
    /// Nothing but semicolons and spaces, with at least one semicolon: 2.7.1 crashes on it.
    let isLoneSemicolon: Bool

    init(_ sql: String) {
        var rest = sql[...]
        func trim() {
            while let first = rest.first, first.isWhitespace || first == ";" { rest.removeFirst() }
            while let last = rest.last, last.isWhitespace || last == ";" { rest.removeLast() }
        }
        trim()
        isLoneSemicolon = rest.isEmpty && sql.contains(";")
        while true {
            if rest.hasPrefix("/*"), let end = rest.range(ofText: "*/") {
                rest = rest[end...]
            } else if rest.hasPrefix("--") || rest.hasPrefix("#") {
                rest = rest.drop { $0 != "\n" && $0 != "\r\n" }
            } else {
                break
            }
            trim()
        }
        text = String(rest)
        words = rest.split(whereSeparator: \.isWhitespace).prefix(12).map { $0.uppercased() }
    }

    /// The statement with every quoted text hidden, when it could hold a password; for logs.
    var redacted: String {
        let lower = text.lowercased()
        guard ["password", "mysql_users", "credentials"].contains(where: lower.contains) else { return text }
        var result = ""
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open {
                    quote = nil
                    result.append(character)
                }
            } else if character == "'" || character == "\"" {
                quote = character
                result.append(character)
                result += "[redacted]"
            } else {
                result.append(character)
            }
        }
        return result
    }
}

extension Substring {
    /// The index after the first occurrence of `text`.
    fileprivate func range(ofText text: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
