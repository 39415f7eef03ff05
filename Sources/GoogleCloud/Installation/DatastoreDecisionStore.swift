package import FleetModel
package import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The newest decisions about each group in one entity under the group's, for a process that does not decide itself.
///
/// A decision that changed something is one write. One that only lasts is written once an hour; what it had become is
/// written with the decision that ends it.
package actor DatastoreDecisionStore: DecisionStore {
    private static let kind = "drover_decisions"
    /// Of each group.
    private static let kept = 100
    /// An entity may have 1 MiB (Datastore documentation, "Limits"); less is quicker.
    private static let maximumBytes = 400_000
    private static let repetitionInterval = Duration.seconds(3_600)

    private let client: DatastoreClient
    /// Of each group, the decision that was written last, and what became of it since.
    private var newest: [InstanceName: (written: Timestamp, entry: DecisionEntry)] = [:]

    /// Keeps decisions through `client`.
    package init(client: DatastoreClient) {
        self.client = client
    }

    private nonisolated func key(_ group: InstanceName) -> DatastoreKey {
        client.key(ChesterGroup.kind, group.text).child(Self.kind)
    }

    package func save(_ entry: DecisionEntry) async throws(StoreError) {
        let present = newest[entry.group]
        if let present, present.entry.firstAt == entry.firstAt,
            entry.lastAt.since(present.written) < Self.repetitionInterval
        {
            newest[entry.group]?.entry = entry
            return
        }
        try await write([present?.entry, entry].compactMap(\.self), of: entry.group)
        newest[entry.group] = (entry.lastAt, entry)
    }

    private func write(_ entries: [DecisionEntry], of group: InstanceName) async throws(StoreError) {
        let key = key(group)
        let what = "the decisions about \(group)"
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            // What is no list is for people only, and gives way.
            let stored = try await transaction.lookup([key], for: what)[key]
            var all = (try? stored.map(Self.entries)) ?? []
            for entry in entries {
                all.removeAll { $0.number(Self.begin) == entry.firstAt.millisecondsSinceEpoch }
                all.append(try Self.entry(entry, what))
            }
            all.sort { $0.number(Self.begin) ?? 0 > $1.number(Self.begin) ?? 0 }
            all = Array(all.prefix(Self.kept))
            return ((), [.upsert(Self.entity(key, &all))])
        }
    }

    /// The member by which entries are told apart.
    private static let begin = "firstAt"

    private static func entry(_ entry: DecisionEntry, _ what: String) throws(StoreError) -> SharedEntry<DecisionEntry> {
        do {
            return try SharedEntry(entry)
        } catch {
            throw .corrupt(document: what, reason: "they cannot be written: \(error)")
        }
    }

    private static func entity(_ key: DatastoreKey, _ entries: inout [SharedEntry<DecisionEntry>]) -> DatastoreEntity {
        while true {
            let data = SharedEntry.data(entries)
            guard data.count > maximumBytes, entries.count > 1 else {
                return DatastoreEntity(
                    key: key, properties: ["Document": .string(String(decoding: data, as: UTF8.self), isExcluded: true)]
                )
            }
            entries.removeLast((entries.count + 3) / 4)
        }
    }

    private static func entries(_ stored: StoredEntity) throws -> [SharedEntry<DecisionEntry>] {
        try SharedEntry.list(stored.entity["Document"]?.string)
    }

    package nonisolated func decisions(
        of group: InstanceName, limit: Int, before: Timestamp?
    ) async throws(StoreError) -> [DecisionEntry] {
        let key = key(group)
        let what = "the decisions about \(group)"
        guard let stored = try await client.lookup([key], for: what)[key] else { return [] }
        do {
            let all = try Self.entries(stored).compactMap(\.value).filter { entry in
                before.map { entry.firstAt < $0 } ?? true
            }
            return Array(all.prefix(max(0, limit)))
        } catch {
            throw .corrupt(document: what, reason: "\(error)")
        }
    }
}

/// Decisions that are kept here, and for the whole installation.
package struct SharedDecisions: DecisionStore {
    private let own: any DecisionStore
    private let shared: any DecisionStore
    private let logger: Logger

    /// Saves to both; `own` is the one that is read.
    package init(_ own: any DecisionStore, and shared: any DecisionStore, logger: Logger) {
        self.own = own
        self.shared = shared
        self.logger = logger
    }

    package func save(_ entry: DecisionEntry) async throws(StoreError) {
        try await own.save(entry)
        do throws(StoreError) {
            try await shared.save(entry)
        } catch {
            logger.warning("a decision was stored here only", metadata: ["error": "\(error)"])
        }
    }

    package func decisions(
        of group: InstanceName, limit: Int, before: Timestamp?
    ) async throws(StoreError) -> [DecisionEntry] {
        try await own.decisions(of: group, limit: limit, before: before)
    }
}
