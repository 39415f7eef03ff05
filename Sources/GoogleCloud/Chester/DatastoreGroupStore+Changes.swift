package import FleetModel
import Logging
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// Each generation of a group is an entity under the group's, written in the transaction that began it. Which they are
// follows from the generations' numbers, so that reading them needs no composite index.

extension DatastoreGroupStore: ChangeStore {
    private static let changeKind = "drover_change"

    private func key(_ group: InstanceName, generation: Int64) -> DatastoreKey {
        var key = GroupEntities.keys(of: group, client).configuration
        key.path.append(DatastoreKey.Element(kind: Self.changeKind, name: String(generation)))
        return key
    }

    /// The entity of the generation that `sealed` begins; a change without a note was the scaler's.
    func change(
        _ sealed: GroupRecord, _ passwordKey: KMSKeyVersion?, _ note: ChangeNote?
    ) throws(StoreError) -> DatastoreMutation {
        guard let data = try? JSONEncoder().encode(sealed) else {
            throw .corrupt(document: "group \(sealed.name)", reason: "it cannot be written")
        }
        var properties = properties(of: sealed, note)
        properties["Document"] = .string(String(decoding: data, as: UTF8.self), isExcluded: true)
        if let passwordKey { ChesterGroup.write(passwordKey, into: &properties) }
        let key = key(sealed.name, generation: sealed.configuration.generation)
        return .upsert(DatastoreEntity(key: key, properties: properties))
    }

    private func properties(of record: GroupRecord, _ note: ChangeNote?) -> [String: DatastoreValue] {
        let at = note?.at ?? wallClock.now()
        // Unique among all groups, and in the order of time.
        let id = at.millisecondsSinceEpoch * 1_000 + Int64.random(in: 0..<1_000)
        return [
            "Id": DatastoreValue(content: .integer(id)), "Group": .string(record.name.text),
            "Generation": DatastoreValue(content: .integer(record.configuration.generation)),
            "At": DatastoreValue(content: .integer(at.millisecondsSinceEpoch)),
            "Actor": .string(note?.actor ?? "scaler"), "Source": .string(note?.source ?? ""),
            "Action": .string(note?.action ?? "scaling"),
        ]
    }

    /// Under a name that is no generation's, so that no history takes it for one.
    package func keep(_ note: ChangeNote, of record: GroupRecord) async throws(StoreError) {
        let properties = properties(of: record, note)
        var key = GroupEntities.keys(of: record.name, client).configuration
        key.path.append(
            DatastoreKey.Element(kind: Self.changeKind, name: "note-\(properties["Id"]?.integer ?? 0)"))
        let mutation = DatastoreMutation.upsert(DatastoreEntity(key: key, properties: properties))
        try await client.transaction("keeping a note of \(record.name)") { _ throws(StoreError) in ((), [mutation]) }
    }

    package func insert(_ record: GroupRecord, note: ChangeNote) async throws(StoreError) {
        try await insert(record, optionalNote: note)
        await tell(record.name, note)
    }

    package func save(
        _ record: GroupRecord, ifVersion version: Int64, note: ChangeNote
    ) async throws(StoreError) {
        try await save(record, ifVersion: version, optionalNote: note)
        await tell(record.name, note)
    }

    /// Datastore and Pub/Sub share no transaction: the change is durable first, and should its message be lost, the
    /// scaler's own timetable brings it to the nodes.
    func tell(_ group: InstanceName, _ note: ChangeNote) async {
        do throws(StoreError) {
            try await announce(WorkMessage(reason: .restart, group: group), note.at)
        } catch {
            logger.warning(
                "the scaler was not told of a change; it will find it by itself",
                metadata: ["group.name": "\(group)", "error": "\(error)"])
        }
    }

    package func history(
        of group: InstanceName, before generation: Int64?, limit: Int
    ) async throws(StoreError) -> [GroupChange] {
        let what = "reading the history of \(group)"
        let last: Int64
        if let generation {
            last = generation.clampedSum(-1)
        } else {
            guard let stored = try await self.group(group) else { return [] }
            last = stored.document.configuration.generation
        }
        let first = max(last - Int64(min(max(limit, 1), 500)) + 1, 1)
        guard last >= first else { return [] }
        let keys = (first...last).reversed().map { key(group, generation: $0) }
        let found = try await client.lookup(keys, for: what)
        var changes: [GroupChange] = []
        for key in keys {
            guard let entity = found[key]?.entity, var change = Self.change(entity) else { continue }
            guard let text = entity["Document"]?.string,
                let record = try? JSONDecoder().decode(GroupRecord.self, from: Data(text.utf8))
            else { throw .corrupt(document: "a generation of group \(group)", reason: "it cannot be read") }
            change.record = try await open(record, with: ChesterGroup.key(of: entity))
            changes.append(change)
        }
        return changes
    }

    package func changes(before id: Int64?, limit: Int) async throws(StoreError) -> [GroupChange] {
        let query = DatastoreQuery(
            Self.changeKind, where: id.map { ("Id", .less, DatastoreValue(content: .integer($0))) }, descending: "Id",
            limit: limit)
        return try await client.run(query, for: "reading the changes").compactMap { Self.change($0.entity) }
    }

    private static func change(_ entity: DatastoreEntity) -> GroupChange? {
        guard let id = entity["Id"]?.integer, let generation = entity["Generation"]?.integer,
            let at = entity["At"]?.integer, let group = try? InstanceName(entity["Group"]?.string ?? "")
        else { return nil }
        return GroupChange(
            id: id, group: group, generation: generation,
            note: ChangeNote(
                at: Timestamp(millisecondsSinceEpoch: at), actor: entity["Actor"]?.string ?? "",
                source: entity["Source"]?.string ?? "", action: entity["Action"]?.string ?? ""),
            record: nil)
    }
}
