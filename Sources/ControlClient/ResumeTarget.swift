/// What `drover ctl resume` resumes: a database's changes of size, or a node that was drained.
package enum ResumeTarget: Hashable, Sendable {
    /// The pauses and the pin of a database, through the management API.
    case database(String)
    /// The node whose agent has this address; nil is the address that every command for agents falls back on.
    case node(agent: String?)

    /// Reads what the command line names.
    ///
    /// - Parameters:
    ///   - database: the argument; a node is meant without it.
    ///   - agent: the address of `--agent`.
    ///   - onlyForDatabases: the options that were given and mean nothing for a node.
    /// - Returns: nothing that could be read in two ways: the words for one and the options for the other are refused.
    /// - Throws: `ControlError` that says what to leave out.
    package static func read(
        database: String?, agent: String?, onlyForDatabases: [String]
    ) throws(ControlError) -> ResumeTarget {
        guard let database else {
            guard onlyForDatabases.isEmpty else {
                throw ControlError(
                    .unusableInput,
                    "\(onlyForDatabases.joined(separator: " and ")) belongs to a database, and none is named: "
                        + "'drover ctl resume DATABASE', or 'drover ctl resume' for a node")
            }
            return .node(agent: agent)
        }
        guard agent == nil else {
            throw ControlError(
                .unusableInput,
                "--agent belongs to a node and \(database) is a database: name one of the two")
        }
        return .database(database)
    }
}
