package import FleetModel
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// What is kept of removed groups, in a kind of our own that neither Chester's tools nor an older drover read.

extension DatastoreGroupStore {
    private static let tombstoneKind = "drover_removed_group"

    func tombstoneKey(_ group: InstanceName) -> DatastoreKey { client.key(Self.tombstoneKind, group.text) }

    func entity(_ tombstone: GroupTombstone) throws(StoreError) -> DatastoreMutation {
        guard let data = try? JSONEncoder().encode(tombstone) else {
            throw .corrupt(document: "what is kept of group \(tombstone.group)", reason: "it cannot be written")
        }
        return .upsert(
            DatastoreEntity(
                key: tombstoneKey(tombstone.group),
                properties: [
                    "At": DatastoreValue(content: .integer(tombstone.at.millisecondsSinceEpoch)),
                    "Document": .string(String(decoding: data, as: UTF8.self), isExcluded: true),
                ]))
    }

    /// One that cannot be read is as good as none: then a person is asked.
    private static func tombstone(_ entity: DatastoreEntity) -> GroupTombstone? {
        guard let text = entity["Document"]?.string else { return nil }
        return try? JSONDecoder().decode(GroupTombstone.self, from: Data(text.utf8))
    }

    package func tombstones() async throws(StoreError) -> [GroupTombstone] {
        let query = DatastoreQuery(Self.tombstoneKind)
        return try await client.run(query, for: "reading what is kept of removed groups")
            .compactMap { Self.tombstone($0.entity) }
    }

    package func tombstone(of group: InstanceName) async throws(StoreError) -> GroupTombstone? {
        let key = tombstoneKey(group)
        return try await client.lookup([key], for: "reading what is kept of group \(group)")[key]
            .flatMap { Self.tombstone($0.entity) }
    }

    package func keep(_ tombstone: GroupTombstone, note: ChangeNote) async throws(StoreError) {
        let mutation = try entity(tombstone)
        try await client.transaction("keeping that the rows of \(tombstone.group) go") { _ throws(StoreError) in
            ((), [mutation])
        }
        await tell(tombstone.group, note)
    }

    /// Deletes what is too old, and what is too much; should it fail, the next removal does it.
    func prune(at now: Timestamp) async {
        do throws(StoreError) {
            let all = try await tombstones()
            let kept = Set(GroupTombstone.kept(of: all, at: now).map(\.group))
            let old = all.map(\.group).filter { !kept.contains($0) }.prefix(100).map { tombstoneKey($0) }
            guard !old.isEmpty else { return }
            try await client.transaction("forgetting groups that were removed long ago") { _ throws(StoreError) in
                ((), old.map { DatastoreMutation.delete($0) })
            }
        } catch {
            logger.warning("groups that were removed long ago are kept", metadata: ["error": "\(error)"])
        }
    }
}
