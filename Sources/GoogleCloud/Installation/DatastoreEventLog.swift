package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The newest events of a whole installation, in the order in which they came here, whichever process they happened in.
///
/// One entity, the head, has the newest events and the next id, so that appending writes one entity and looking whether
/// there is something new reads one. What it has no place for goes in pieces of `pieceSize` to a ring of entities, in
/// which the newest piece takes the oldest one's place.
package struct DatastoreEventLog: EventLog {
    /// What is kept in the entity that every append writes.
    private struct Head {
        var next: Int64 = 1
        /// The newest events; the oldest of them begins a piece.
        var events: [Entry] = []
        /// By source, the last of its events that is here, and when it came; so that what a source sends again, because
        /// it did not hear the answer, is not here twice.
        var sources: [String: Source] = [:]
    }

    private typealias Entry = SharedEntry<FleetEvent>

    private struct Source: Codable {
        var last: Int64
        /// Of the event that came last, in this log.
        var id: Int64
    }

    /// Events that move together to the ring. An entity may have 1 MiB (Datastore documentation, "Limits"), and an event
    /// has less than 2 KiB.
    static let pieceSize = 50
    private static let kind = "drover_events"
    /// Sources come and go with containers; the oldest are forgotten.
    private static let maximumSources = 64
    private static let piecesAtOnce = 8
    private static let what = "the installation's events"

    private let client: DatastoreClient
    private let pieces: Int64

    /// Keeps the newest events through `client`, `capacity` of them at least.
    package init(client: DatastoreClient, capacity: Int) {
        self.client = client
        pieces = Int64(max(1, (capacity + Self.pieceSize - 1) / Self.pieceSize))
    }

    private var headKey: DatastoreKey { client.key(Self.kind, "head") }

    private func pieceKey(_ number: Int64) -> DatastoreKey { client.key(Self.kind, "piece-\(number % pieces)") }

    private static func piece(of id: Int64) -> Int64 { (id - 1) / Int64(pieceSize) }

    // MARK: Appending

    package func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent] {
        try await append(events, from: nil)
    }

    /// Appends what `source` has of new events, whose ids there are theirs; those that are here already are left out.
    /// - Returns: those that were appended, with their ids here.
    @discardableResult
    package func append(_ events: [FleetEvent], from source: String?) async throws(StoreError) -> [FleetEvent] {
        guard !events.isEmpty else { return [] }
        return try await client.transaction(Self.what) {
            transaction throws(StoreError) -> ([FleetEvent], [DatastoreMutation]) in
            let stored = try await transaction.lookup([headKey], for: Self.what)[headKey]
            var head = try stored.map(Self.head) ?? Head()
            let known = source.flatMap { head.sources[$0]?.last } ?? 0
            let fresh = source == nil ? events : events.filter { $0.id > known }
            guard !fresh.isEmpty else { return ([], []) }
            var appended: [FleetEvent] = []
            for var event in fresh {
                event.id = head.next
                head.next += 1
                appended.append(event)
            }
            if let source, let last = fresh.last?.id {
                head.sources[source] = Source(last: last, id: head.next - 1)
                if head.sources.count > Self.maximumSources,
                    let oldest = head.sources.min(by: { $0.value.id < $1.value.id })?.key
                {
                    head.sources[oldest] = nil
                }
            }
            head.events += try appended.map(Self.entry)
            var mutations: [DatastoreMutation] = []
            while head.events.count >= Self.pieceSize {
                let piece = Array(head.events.prefix(Self.pieceSize))
                head.events.removeFirst(Self.pieceSize)
                mutations.append(try write(piece))
            }
            mutations.append(.upsert(DatastoreEntity(key: headKey, properties: try Self.properties(of: head))))
            return (appended, mutations)
        }
    }

    private func write(_ piece: [Entry]) throws(StoreError) -> DatastoreMutation {
        let first = (piece.first?.number("id") ?? 1).clamped(to: 1...1 << 53)
        return .upsert(
            DatastoreEntity(
                key: pieceKey(Self.piece(of: first)),
                properties: [
                    "First": DatastoreValue(content: .integer(first)),
                    "Events": .string(Self.text(piece), isExcluded: true),
                ]))
    }

    // MARK: Reading

    /// The id of the newest event; 0 where there is none. It is one read of one entity.
    package func newestID() async throws(StoreError) -> Int64 { try await readHead().next - 1 }

    package func events(
        after id: Int64, group: InstanceName?, limit: Int
    ) async throws(StoreError) -> [FleetEvent] {
        let head = try await readHead()
        let first = head.next - Int64(head.events.count)
        var found: [FleetEvent] = []
        func take(_ events: [Entry]) {
            found += events.compactMap(\.value).filter { $0.id > id && (group == nil || $0.group == group) }
        }
        if id < first - 1 {
            let end = Self.piece(of: first)
            var number = max(Self.piece(of: max(id + 1, 1)), end - pieces)
            while number < end, found.count < limit {
                let next = min(number + Int64(Self.piecesAtOnce), end)
                for piece in try await read(number..<next) { take(piece) }
                number = next
            }
        }
        if found.count < limit { take(head.events) }
        return Array(found.prefix(max(0, limit)))
    }

    package func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] {
        let head = try await readHead()
        func wanted(_ events: [Entry]) -> [FleetEvent] {
            events.reversed().compactMap(\.value).filter { group == nil || $0.group == group }
        }
        var found = wanted(head.events)
        let first = head.next - Int64(head.events.count)
        var end = Self.piece(of: first)
        let oldest = max(end - pieces, 0)
        while end > oldest, found.count < limit {
            let begin = max(end - Int64(Self.piecesAtOnce), oldest)
            for piece in try await read(begin..<end).reversed() { found += wanted(piece) }
            end = begin
        }
        return Array(found.prefix(max(0, limit)))
    }

    private func readHead() async throws(StoreError) -> Head {
        guard let stored = try await client.lookup([headKey], for: Self.what)[headKey] else { return Head() }
        return try Self.head(stored)
    }

    /// The pieces of these numbers that are still in the ring, oldest first.
    private func read(_ numbers: Range<Int64>) async throws(StoreError) -> [[Entry]] {
        let found = try await client.lookup(numbers.map(pieceKey), for: Self.what)
        var pieces: [[Entry]] = []
        for number in numbers {
            // A newer piece may have taken its place meanwhile.
            guard let entity = found[pieceKey(number)]?.entity, let first = entity["First"]?.integer,
                Self.piece(of: first) == number
            else { continue }
            pieces.append(try Self.events(entity))
        }
        return pieces
    }

    // MARK: Documents

    private static func head(_ stored: StoredEntity) throws(StoreError) -> Head {
        guard let next = stored.entity["Next"]?.integer else {
            throw .corrupt(document: what, reason: "the head of \(kind) has no Next; delete it to begin anew")
        }
        // An id beyond those that JSON keeps exact was never given.
        var head = Head(next: next.clamped(to: 1...1 << 53), events: try events(stored.entity))
        let sources = stored.entity["Sources"]?.string ?? "{}"
        head.sources = (try? JSONDecoder().decode([String: Source].self, from: Data(sources.utf8))) ?? [:]
        return head
    }

    private static func properties(of head: Head) throws(StoreError) -> [String: DatastoreValue] {
        [
            "Next": DatastoreValue(content: .integer(head.next)),
            "Events": .string(text(head.events), isExcluded: true),
            "Sources": .string(try text(head.sources), isExcluded: true),
        ]
    }

    private static func events(_ entity: DatastoreEntity) throws(StoreError) -> [Entry] {
        do {
            return try Entry.list(entity["Events"]?.string)
        } catch {
            throw .corrupt(document: what, reason: "\(error); delete the entities of kind \(kind) to begin anew")
        }
    }

    private static func entry(_ event: FleetEvent) throws(StoreError) -> Entry {
        do {
            return try Entry(event)
        } catch {
            throw .corrupt(document: what, reason: "they cannot be written: \(error)")
        }
    }

    private static func text(_ entries: [Entry]) -> String { String(decoding: Entry.data(entries), as: UTF8.self) }

    private static func text(_ document: some Encodable) throws(StoreError) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(document), as: UTF8.self)
        } catch {
            throw .corrupt(document: what, reason: "they cannot be written: \(error)")
        }
    }
}
