/// What a decision must know of those before it; kept beside the group and not saved: after a restart it begins
/// anew, and every rule then holds for longer, never for less.
package struct DecisionMemory: Hashable, Sendable {
    /// What metrics wished for lately.
    package var wishes: WishHistory
    /// Whether the lag brake was engaged; nil before the first decision.
    package var isBraked: Bool?

    /// Makes the memory of nothing.
    package init() {
        self.wishes = WishHistory()
    }
}

/// The sizes that metrics wished for over the last while; equal ones in a row are one entry.
package struct WishHistory: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        var size: Int
        var from: Timestamp
        var through: Timestamp
    }

    /// Not looking for longer than this ends what is known.
    private static let longestGap = Duration.seconds(300)

    private var entries: [Entry] = []

    /// Makes an empty history.
    package init() {}

    /// Notes a wish, and forgets what is older than `longest`.
    package mutating func note(_ size: Int, at now: Timestamp, longest: Duration) {
        if let last = entries.last, now < last.through || now.since(last.through) > Self.longestGap { entries = [] }
        if let last = entries.indices.last, entries[last].size == size {
            entries[last].through = now
        } else {
            if let last = entries.indices.last { entries[last].through = now }
            entries.append(Entry(size: size, from: now, through: now))
        }
        let beginning = now.advanced(by: .zero - longest)
        if let first = entries.firstIndex(where: { $0.through >= beginning }), first > 0 {
            entries.removeFirst(first)
        }
        if entries.count > 4_096 { entries.removeFirst(entries.count - 4_096) }
    }

    /// The smallest and the largest wish of the last `window`; nil when it is not known for all of that time.
    package func range(over window: Duration, at now: Timestamp) -> ClosedRange<Int>? {
        let beginning = now.advanced(by: .zero - window)
        guard let first = entries.first, first.from <= beginning else { return nil }
        var range: ClosedRange<Int>?
        for entry in entries.reversed() where range == nil || entry.through > beginning {
            range = min(range?.lowerBound ?? entry.size, entry.size)...max(range?.upperBound ?? entry.size, entry.size)
        }
        return range
    }
}
