/// How much of a text from outside may be shown before anybody knows what it is: people put passwords into second words,
/// into lines that miss their colon, and into URLs. What is known to be harmless is shown by whoever knows it.
package enum ShownText {
    /// What stands in the place of what is not shown.
    package static let redacted = "[redacted]"

    /// A name, for example of a key that nobody knows; not a line that is no name, or a name with its value in it.
    package static func name(_ text: String) -> String {
        let isName =
            text.utf8.count <= 100
            && text.utf8.allSatisfy { byte in
                isLower(byte) || isDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            }
        return isName ? text : redacted
    }

    /// A dotted key that is not one of `known`; what stands below one of them is a value in the wrong place.
    package static func key(_ text: String, among known: some Sequence<String>) -> String {
        known.first { text.hasPrefix($0 + ".") }.map { "\($0).\(redacted)" } ?? name(text)
    }

    /// A flag with its dashes: lower case and no digits, as all are. The rest may be a password behind `-p`.
    package static func flag(_ text: String) -> String { text.utf8.allSatisfy(isLower) ? text : redacted }

    /// The name of a variable that should hold a password: people put the password itself there.
    package static func variable(_ text: String) -> String {
        let isName = text.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || isDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        }
        return isName ? text : redacted
    }

    /// Addresses, separated by commas, without user, password and query. An e-mail address and `name=role@host` stay.
    package static func address(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let scheme = part.firstRange(of: "://")?.upperBound ?? part.startIndex
            let isURL = scheme > part.startIndex
            var rest = part[scheme...]
            var query = ""
            if isURL, let mark = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) {
                query = "\(rest[mark])\(redacted)"
                rest = rest[..<mark]
            }
            if let at = rest.lastIndex(of: "@"), isURL || rest[..<at].contains(":") {
                rest = "\(redacted)\(rest[at...])"[...]
            }
            return part[..<scheme] + rest + query
        }.joined(separator: ",")
    }

    /// What a library says of a call that did not get through; of a header that it refuses it shows the value.
    package static func failure(_ error: any Error) -> String {
        let text = "\(error)"
        return text.contains("invalidHeaderField") ? "a token has a character that no header can have" : text
    }

    /// What is wrong with a command line, without those of its `words` that may be secrets: all that belong to nothing,
    /// and values that are neither a number, a duration nor plain.
    package static func usage(_ message: String, words: [String]) -> String {
        var message = message.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            // Its words belong to no option: `--set key password`.
            guard line.contains("nexpected argument"), let first = line.firstIndex(of: "'"),
                let last = line.lastIndex(of: "'")
            else { return String(line) }
            return "\(line[..<first])\(redacted)\(line[last...].dropFirst())"
        }.joined(separator: "\n")
        for word in words.flatMap({ [$0] + [$0.drop { $0 != "=" }.dropFirst()].map(String.init) })
            .sorted(by: { $0.utf8.count > $1.utf8.count })
        where word.utf8.count > 1 && flag(word) == redacted && Double(word) == nil && !isDuration(word) {
            message = message.replacing(word, with: redacted)
        }
        return message
    }

    /// A short number with a letter for its unit, such as `90m`.
    private static func isDuration(_ word: String) -> Bool {
        word.utf8.count <= 5 && word.utf8.dropLast().allSatisfy(isDigit)
            && word.utf8.last.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
