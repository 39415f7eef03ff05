/// A value that cannot be printed: passwords, tokens, keys.
///
/// Interpolation, `print`, `dump` and mirrors show `[redacted]`. Encoding writes the real value, because stores must
/// keep it; whoever encodes a document for people redacts it first.
package struct Secret: Hashable, Codable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: String

    /// Wraps `value`.
    package init(_ value: String) {
        self.value = value
    }

    /// The real value; call it only where the value is handed to the system that needs it.
    package func reveal() -> String {
        value
    }

    /// Whether the value is the empty string.
    package var isEmpty: Bool {
        value.isEmpty
    }

    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    package init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    /// Compares in time that depends only on the lengths, so that a guess cannot be refined by measuring.
    package func matches(_ candidate: String) -> Bool {
        let left = Array(value.utf8)
        let right = Array(candidate.utf8)
        var difference = UInt8(left.count == right.count ? 0 : 1)
        for index in right.indices {
            difference |= right[index] ^ (left.isEmpty ? 0 : left[index % left.count])
        }
        return difference == 0
    }
}
