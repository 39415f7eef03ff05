/// Tells which ProxySQL nodes there are now.
package protocol NodeDirectory: Sendable {
    /// The nodes at this moment, in a stable order.
    /// - Throws: `NodeDirectoryError` when they cannot be known; an empty list means that there are none.
    func nodes() async throws(NodeDirectoryError) -> [FleetNode]
}

/// Why it is not known which nodes there are.
package struct NodeDirectoryError: Error, CustomStringConvertible, Sendable {
    /// What was attempted and what happened.
    package var description: String

    /// Makes an error.
    package init(_ description: String) { self.description = description }
}

/// The nodes that the settings list, always the same.
package struct ListedNodes: NodeDirectory {
    private let listed: [FleetNode]

    /// Makes the directory of `nodes`.
    package init(_ nodes: [FleetNode]) { listed = nodes }

    package func nodes() async throws(NodeDirectoryError) -> [FleetNode] { listed }
}
