/// What an admin session answers to one statement.
package enum AdminReply: Sendable, Equatable {
    /// OK, with SQLite's number of changed rows and ProxySQL's remark, if any.
    case ok(affectedRows: UInt64 = 0, info: String = "")
    /// A result; every value is text, nil is NULL.
    case rows(columns: [String], rows: [[String?]])
    /// An error; ProxySQL's admin module sends all of them as 1045 with state 28000.
    case error(String)
    /// The connection ends without an answer, because the process does.
    case gone

    /// The error code of every admin error.
    package static let errorCode: UInt16 = 1045
    /// The SQL state of every admin error.
    package static let errorState = "28000"
}

/// What a statement asks of the process around the engine.
package enum AdminEffect: Sendable, Equatable {
    /// Stop accepting clients on the MySQL port.
    case pause
    /// Accept them again.
    case resume
    /// End the process.
    case exit
}

/// A statement's answer, and what must be done besides.
package struct AdminOutcome: Sendable, Equatable {
    /// The answer.
    package var reply: AdminReply
    /// What the process does before the answer goes out.
    package var effect: AdminEffect?

    init(_ reply: AdminReply, effect: AdminEffect? = nil) {
        self.reply = reply
        self.effect = effect
    }
}
