import FleetModel

/// Numbers, times and broken UTF-8, for both formats.
enum DigestText {
    /// The whole number that `cell` is; nil when it is none, or none of 64 bits.
    static func integer(_ cell: UnsafeRawBufferPointer) -> Int64? {
        var digits = cell[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        // No leading zeros: 007 is not a JSON number, and not what ProxySQL counts with.
        guard !digits.isEmpty, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// Appends `secondsSinceEpoch` as RFC 3339 in UTC, for example `2026-11-21T07:56:27Z`.
    static func appendTime(_ secondsSinceEpoch: Int64, to output: inout [UInt8]) {
        CivilTime(seconds: secondsSinceEpoch).append(to: &output, separators: true)
    }

    /// Calls `body` with `cell` if it is UTF-8, else with a copy in which what is not was replaced by U+FFFD.
    static func withUTF8(_ cell: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        if cell.allSatisfy({ $0 < 0x80 }) { return body(cell) }
        var repaired = String(decoding: cell, as: UTF8.self)
        repaired.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension CivilTime {
    /// Appends `2026-11-21T07:56:27Z`, or `20261121T075627Z` without separators; every row has two times, which is why
    /// they are not made as texts.
    func append(to output: inout [UInt8], separators: Bool) {
        if (0...9_999).contains(year) {
            Self.append(year / 100, &output)
            Self.append(year % 100, &output)
        } else {
            output.append(contentsOf: "\(year)".utf8)
        }
        if separators { output.append(UInt8(ascii: "-")) }
        Self.append(month, &output)
        if separators { output.append(UInt8(ascii: "-")) }
        Self.append(day, &output)
        output.append(UInt8(ascii: "T"))
        Self.append(secondOfDay / 3_600, &output)
        if separators { output.append(UInt8(ascii: ":")) }
        Self.append(secondOfDay / 60 % 60, &output)
        if separators { output.append(UInt8(ascii: ":")) }
        Self.append(secondOfDay % 60, &output)
        output.append(UInt8(ascii: "Z"))
    }

    /// `20261121T075627Z`, for names of files.
    var compact: String {
        var bytes: [UInt8] = []
        append(to: &bytes, separators: false)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ number: Int, _ output: inout [UInt8]) {
        output.append(UInt8(ascii: "0") + UInt8(number / 10))
        output.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}

/// Fields of RFC 4180.
enum CSVText {
    /// Appends a field, in quotes where it needs them.
    static func append(_ cell: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        DigestText.withUTF8(cell) { text in
            guard text.contains(where: isSpecial) else {
                output.append(contentsOf: text)
                return
            }
            output.append(UInt8(ascii: "\""))
            for byte in text {
                if byte == UInt8(ascii: "\"") { output.append(byte) }
                output.append(byte)
            }
            output.append(UInt8(ascii: "\""))
        }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 0x0D || byte == 0x0A
    }
}

/// Strings of RFC 8259.
enum JSONText {
    static func appendNull(to output: inout [UInt8]) {
        output.append(contentsOf: "null".utf8)
    }

    /// Appends a string with its quotes.
    static func append(_ cell: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        DigestText.withUTF8(cell) { text in
            guard text.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
                output.append(contentsOf: text)
                return
            }
            for byte in text { appendEscaped(byte, &output) }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)

    private static func appendEscaped(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            output.append(UInt8(ascii: "\\"))
            output.append(byte)
        case 0x0A: output.append(contentsOf: #"\n"#.utf8)
        case 0x0D: output.append(contentsOf: #"\r"#.utf8)
        case 0x09: output.append(contentsOf: #"\t"#.utf8)
        case 0..<0x20:
            output.append(contentsOf: #"\u00"#.utf8)
            output.append(hexadecimal[Int(byte >> 4)])
            output.append(hexadecimal[Int(byte & 15)])
        default: output.append(byte)
        }
    }
}
