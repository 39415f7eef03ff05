/// Which connections of a server are open, and which one has to go when there is one too many.
struct ConnectionLedger: Sendable {
    /// What a connection does.
    enum Phase: Hashable, Sendable {
        /// No whole head of a request came yet. Can become `receiving`.
        case waiting
        /// The body of a request is on its way. Can become `answering`, `waiting`.
        case receiving
        /// A request is being answered. Can become `receiving`, `waiting`.
        case answering
    }

    /// What becomes of a new connection.
    enum Admission: Hashable, Sendable {
        /// There is room.
        case admitted
        /// There is room once that one is closed, which is no longer counted.
        case admittedInPlaceOf(Int)
        /// Every connection is being answered.
        case refused
    }

    private struct Entry {
        var address: String
        var phase = Phase.waiting
        /// Counts the changes of all phases.
        var since: Int
    }

    private let maximum: Int
    private var entries: [Int: Entry] = [:]
    private var counts: [String: Int] = [:]
    private var changes = 0

    /// Keeps at most `maximum` connections.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// How many are open.
    var count: Int { entries.count }

    /// A client connected. The connection that makes room is one that waits for a request, else one that sends its
    /// body: of the address that has most connections, the one that does so for longest. So a flood from one address
    /// takes nobody else's place.
    mutating func admit(_ id: Int, from address: String) -> Admission {
        var admission = Admission.admitted
        if entries.count >= maximum {
            guard let victim = victim(.waiting) ?? victim(.receiving) else { return .refused }
            remove(victim)
            admission = .admittedInPlaceOf(victim)
        }
        changes += 1
        entries[id] = Entry(address: address, since: changes)
        counts[address, default: 0] += 1
        return admission
    }

    /// A connection does something else than before.
    mutating func note(_ id: Int, _ phase: Phase) {
        changes += 1
        entries[id]?.phase = phase
        entries[id]?.since = changes
    }

    /// A connection was closed.
    mutating func remove(_ id: Int) {
        guard let entry = entries.removeValue(forKey: id), let count = counts[entry.address] else { return }
        counts[entry.address] = count > 1 ? count - 1 : nil
    }

    private func victim(_ phase: Phase) -> Int? {
        entries.filter { $0.value.phase == phase }.max { left, right in
            let (a, b) = (counts[left.value.address] ?? 0, counts[right.value.address] ?? 0)
            return a == b ? left.value.since > right.value.since : a < b
        }?.key
    }
}
