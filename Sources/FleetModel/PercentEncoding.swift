extension StringProtocol {
    /// The bytes without percent-encoding (RFC 3986, 2.1); a percent sign that no two hexadecimal digits follow stands
    /// for itself.
    package var percentDecodedBytes: [UInt8] {
        var bytes: [UInt8] = []
        var rest = Substring(self).utf8[...]
        while let byte = rest.popFirst() {
            let digits = Substring(rest.prefix(2))
            // A sign is a digit to the number's own initializer, and none here.
            guard byte == UInt8(ascii: "%"), digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(digits, radix: 16)
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// The same as text; nil when it is no UTF-8.
    package var percentDecoded: String? { String(validating: percentDecodedBytes, as: UTF8.self) }
}
