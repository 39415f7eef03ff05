import Synchronization

/// Loopback addresses that are given out once, for servers that close a port and open it again: on 127.0.0.1 an
/// outgoing connection of another test could take it meanwhile, because that is where those begin.
package enum OwnAddress {
    private static let count = Atomic<Int>(0)

    /// The next address, 127.0.2.1 to 127.0.2.254 and around again.
    package static func next() -> String {
        "127.0.2.\(count.add(1, ordering: .relaxed).oldValue % 254 + 1)"
    }
}
