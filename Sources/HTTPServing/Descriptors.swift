import CDescriptors

/// The descriptors that the process may have open: connections, files and pipes together.
package enum Descriptors {
    /// As many as any server needs; programs that this process starts inherit the limit.
    private static let wanted = 65_536
    /// What the process holds beside its servers' connections: stores, event loops, and calls to nodes and to Google.
    private static let kept = 48

    /// The most that may be open.
    package static var limit: Int { drover_descriptor_limit() }

    /// Raises the limit to what the system allows, which is often more than what a shell or an init system starts with.
    package static func raise() {
        _ = drover_raise_descriptor_limit(wanted)
    }

    /// How many of the connections that a setting allows one server may have, so that several servers together leave
    /// most descriptors to the stores, the nodes and Google.
    package static func connections(wanted: Int, limit: Int = Self.limit) -> Int {
        guard limit > 0 else { return wanted }
        return min(wanted, max(4, (limit - kept) / 4))
    }
}
