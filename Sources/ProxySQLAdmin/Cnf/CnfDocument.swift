/// A `proxysql.cnf` whose settings can be replaced one by one, while everything else stays as somebody wrote it.
///
/// The format is libconfig's: `name = value` or `name : value`, where a value is a scalar, a string, an array in
/// brackets, a list in parentheses or a group in braces (libconfig manual, "Configuration Files").
package struct CnfDocument: Sendable {
    /// Why a text is not such a file.
    package struct Unreadable: Error, Hashable, Sendable, CustomStringConvertible {
        /// The line, from 1.
        package var line: Int
        /// What is wrong with it.
        package var reason: String

        package var description: String { "line \(line) of proxysql.cnf: \(reason)" }
    }

    private struct Setting {
        var name: String
        var range: Range<Int>
    }

    private let bytes: [UInt8]
    private var settings: [Setting] = []

    /// Reads `text`.
    /// - Throws: `Unreadable`, when it ends inside a value or has something else where a name should be.
    package init(_ text: String) throws(Unreadable) {
        bytes = Array(text.utf8)
        var scanner = CnfScanner(bytes: bytes)
        while let name = try scanner.name() {
            try scanner.value()
            settings.append(Setting(name: name.text, range: name.start..<scanner.offset))
        }
    }

    /// The names of its settings, in order.
    package var names: [String] { settings.map(\.name) }

    /// The text with each of `sections` in the place of the setting of that name, or at the end where there is none.
    package func replacing(_ sections: [(name: String, text: String)]) -> String {
        var result: [UInt8] = []
        var offset = 0
        var written: Set<String> = []
        for setting in settings {
            guard let section = sections.first(where: { $0.name == setting.name }) else { continue }
            result += bytes[offset..<setting.range.lowerBound]
            // A second setting of the same name would be an error to ProxySQL, and its rows are not wanted any more.
            if written.insert(setting.name).inserted { result += Array(section.text.utf8) }
            offset = setting.range.upperBound
        }
        result += bytes[offset...]
        for section in sections where !written.contains(section.name) {
            if let last = result.last, last != 0x0A { result.append(0x0A) }
            result += Array(section.text.utf8) + [0x0A]
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Walks over libconfig's text.
private struct CnfScanner {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private func failure(_ reason: String, at place: Int) -> CnfDocument.Unreadable {
        CnfDocument.Unreadable(
            line: 1 + bytes[..<min(place, bytes.count)].count { $0 == 0x0A }, reason: reason)
    }

    /// Skips white space, comments, `@include` lines and the separators between settings.
    private mutating func skip(separators: Bool) throws(CnfDocument.Unreadable) {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D, 0x0C: offset += 1
            case UInt8(ascii: ";"), UInt8(ascii: ","):
                guard separators else { return }
                offset += 1
            case UInt8(ascii: "#"), UInt8(ascii: "@"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): try skipBlock()
            default: return
            }
        }
    }

    private func peek(_ distance: Int) -> UInt8? {
        offset + distance < bytes.count ? bytes[offset + distance] : nil
    }

    private mutating func skipLine() {
        while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
    }

    private mutating func skipBlock() throws(CnfDocument.Unreadable) {
        let start = offset
        offset += 2
        while offset < bytes.count {
            if bytes[offset] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                offset += 2
                return
            }
            offset += 1
        }
        throw failure("a comment that begins here does not end", at: start)
    }

    /// The next setting's name, with the sign after it; nil at the end.
    mutating func name() throws(CnfDocument.Unreadable) -> (text: String, start: Int)? {
        try skip(separators: true)
        guard offset < bytes.count else { return nil }
        let start = offset
        while offset < bytes.count, Self.isName(bytes[offset]) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard !text.isEmpty else { throw failure("the name of a setting was expected", at: start) }
        try skip(separators: false)
        guard let sign = peek(0), sign == UInt8(ascii: "=") || sign == UInt8(ascii: ":") else {
            throw failure("= was expected after \(text)", at: start)
        }
        offset += 1
        return (text, start)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"): true
        default: false
        }
    }

    /// Walks over one value and the separator that ends it.
    mutating func value() throws(CnfDocument.Unreadable) {
        try skip(separators: false)
        let start = offset
        var closers: [UInt8] = []
        repeat {
            guard let byte = peek(0) else { throw failure("a value that begins here does not end", at: start) }
            switch byte {
            case UInt8(ascii: "\""): try string()
            case UInt8(ascii: "("): closers.append(UInt8(ascii: ")")); offset += 1
            case UInt8(ascii: "["): closers.append(UInt8(ascii: "]")); offset += 1
            case UInt8(ascii: "{"): closers.append(UInt8(ascii: "}")); offset += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                guard closers.popLast() == byte else {
                    throw failure("\(Character(UnicodeScalar(byte))) closes nothing", at: offset)
                }
                offset += 1
            default: offset += 1
            }
            if !closers.isEmpty { try skip(separators: true) }
        } while !closers.isEmpty || continues(from: start)
        let end = offset
        try skip(separators: false)
        if let separator = peek(0), separator == UInt8(ascii: ";") || separator == UInt8(ascii: ",") {
            offset += 1
        } else {
            offset = end
        }
    }

    /// A number or word goes on to its end; strings side by side are one (libconfig manual, "Strings").
    private mutating func continues(from start: Int) -> Bool {
        guard let last = bytes[start..<offset].last else { return true }
        let closing: [UInt8] = [UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}")]
        if closing.contains(last), bytes[start] != UInt8(ascii: "\"") { return false }
        guard bytes[start] == UInt8(ascii: "\"") else {
            return peek(0).map { Self.isName($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "+") } ?? false
        }
        var ahead = self
        guard (try? ahead.skip(separators: false)) != nil, ahead.peek(0) == UInt8(ascii: "\"") else { return false }
        offset = ahead.offset
        return true
    }

    private mutating func string() throws(CnfDocument.Unreadable) {
        let start = offset
        offset += 1
        while let byte = peek(0) {
            offset += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return }
        }
        throw failure("a string that begins here does not end", at: start)
    }
}
