package import FleetModel

/// Why a change of a ProxySQL node did not take place; secrets are never in the text.
package struct AdminError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can do about it.
    package enum Code: String, Hashable, Sendable {
        /// The node refuses connections: nothing listens there.
        case refused
        /// The node did not answer in time, or the connection broke: it may still serve clients.
        case unreachable
        /// The node refused a statement.
        case statementRefused
        /// A value cannot be written in ProxySQL's SQL, or a statement is not one plain statement.
        case unusableText
        /// The configuration wants two different rows in one place.
        case contradictory
        /// An answer does not have the columns that were expected.
        case unexpectedAnswer
        /// What was written is not what was read back; nothing was loaded.
        case readBackDiffers
        /// The node's ProxySQL is too old for what is wanted.
        case unsupported
        /// Rows of somebody else are in the group's places; they were left alone, and the rest was brought.
        case foreignRows
    }

    /// What a caller can do about it.
    package var code: Code
    /// What was attempted and what came back.
    package var message: String
    /// Those rows, for that code.
    package var foreignRows: [ForeignRow] = []

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Says that `rows` on `node` keep the rows of `group` away.
    package init(_ rows: [ForeignRow], of group: InstanceName, on node: String) {
        let names = rows.prefix(20).map(\.description).joined(separator: "; ")
        self.init(
            .foreignRows,
            "\(node) has rows in places of group \(group) that are not the group's, and they were left as they are: "
                + "\(names)\(rows.count > 20 ? " and \(rows.count - 20) more" : ""); remove them, give the group other "
                + "places, or have them taken over (drover ctl databases adopt \(group))")
        foreignRows = rows
    }

    package var description: String { "\(message) (\(code.rawValue))" }
}
