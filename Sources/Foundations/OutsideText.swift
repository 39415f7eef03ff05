/// How text that was written elsewhere becomes text of ours.
///
/// Editors on Windows end lines in CR LF and put a byte order mark first; tools of all kinds leave white space at the
/// end. To Swift CR LF is one `Character`, so splitting such a text at `"\n"` finds one line. All text of files,
/// variables and objects that people write comes through here, and is split by `lines`.
package enum OutsideText {
    /// The text of `bytes`, as `folded(_:)` makes it.
    /// - Throws: what it is instead of a text in UTF-8, with the line where that shows.
    package static func text(_ bytes: [UInt8]) throws(UnusableFile) -> String {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw UnusableFile(reason: "it is a text in UTF-16; save it as UTF-8")
        }
        if let zero = bytes.firstIndex(of: 0) {
            throw UnusableFile(reason: "it is not a text: line \(line(of: zero, in: bytes)) has a NUL byte")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UnusableFile(reason: "it is not a text in UTF-8\(invalidLine(of: bytes)); save it as UTF-8")
        }
        return folded(text)
    }

    /// `text` without a byte order mark, each line ending in LF alone, and nothing in a line of blanks: a tab in one ends
    /// the reading of a YAML file, and nobody sees it.
    package static func folded(_ text: String) -> String {
        var bytes = Array(text.utf8)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        var folded: [UInt8] = []
        folded.reserveCapacity(bytes.count)
        // Where the line began, and whether it has anything but blanks.
        var (start, isBlank, follows) = (0, true, false)
        for byte in bytes {
            switch byte {
            case 0x0A where follows: follows = false
            case 0x0A, 0x0D:
                if isBlank { folded.removeLast(folded.count - start) }
                folded.append(0x0A)
                (start, isBlank, follows) = (folded.count, true, byte == 0x0D)
            default:
                if byte != 0x20, byte != 0x09 { isBlank = false }
                folded.append(byte)
                follows = false
            }
        }
        return String(decoding: folded, as: UTF8.self)
    }

    /// The lines of `text`, whatever ends them, without what ends them; an empty one stays in its place.
    package static func lines(_ text: String) -> [String] {
        folded(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// `text` without white space and line ends at both ends.
    package static func trimmed(_ text: String) -> String {
        let folded = folded(text)
        return String(folded.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    /// The one secret that a file holds: its first line. Blanks at its ends are kept, since passwords may have them.
    package static func firstLine(_ text: String) -> String { lines(text).first ?? "" }

    /// The values of environment variables without the CR that a file of lines NAME=value left at their ends.
    package static func variables(_ environment: [String: String]) -> [String: String] {
        environment.mapValues { $0.unicodeScalars.last == "\r" ? String($0.unicodeScalars.dropLast()) : $0 }
    }

    private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        1 + bytes[..<offset].count { $0 == 0x0A }
    }

    /// The first line that is no UTF-8; a character never spans two lines.
    private static func invalidLine(of bytes: [UInt8]) -> String {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        let invalid = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
        return invalid.map { " (line \($0 + 1))" } ?? ""
    }
}
