/// Why a dump did not take place, or not completely.
package struct DigestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can do about it.
    package enum Code: String, Hashable, Sendable {
        /// ProxySQL was not reached, or did not answer in time.
        case unreachable
        /// ProxySQL refused a statement or the login.
        case refused
        /// The file could not be written; the disk may be full.
        case unwritable
        /// Another dump writes the same file.
        case busy
        /// What was asked for makes no sense.
        case unusable
    }

    /// What a caller can do about it.
    package var code: Code
    /// What was attempted, what happened and what to do.
    package var message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) (\(code.rawValue))" }
}
