/// An error packet of a server: it understood the request and refused it.
public struct MySQLServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// MySQL's error number, for example 1045.
    public var code: UInt16
    /// Five characters, for example `28000`.
    public var sqlState: String
    /// The server's text.
    public var message: String

    /// Makes an error.
    public init(code: UInt16, sqlState: String, message: String) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    /// The text as the `mariadb` client prints it.
    public var description: String { "ERROR \(code) (\(sqlState)): \(message)" }
}

/// Why a conversation with a MySQL peer failed, other than by an error packet; the connection is closed after it.
public struct MySQLWireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it was.
    public enum Code: String, Hashable, Sendable {
        /// The TCP connection could not be made.
        case connectionFailed
        /// The connection is closed.
        case connectionClosed
        /// The deadline of the call passed.
        case deadlineExceeded
        /// The task that made the call was cancelled.
        case cancelled
        /// The peer sent something that the protocol does not allow.
        case malformed
        /// A packet, a result or a queue is larger than its limit.
        case tooLarge
        /// The authentication method cannot be used, or not safely.
        case authenticationUnsupported
        /// TLS is required and cannot be had.
        case tlsUnavailable
    }

    /// What kind of failure it was.
    public var code: Code
    /// What was attempted and what happened.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message with its code.
    public var description: String { "\(message) (\(code.rawValue))" }
}
