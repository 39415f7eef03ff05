package import FleetModel

/// Changes with notes that are told like any other save of a group.
package struct EventfulChanges: ChangeStore {
    private let changes: any ChangeStore
    private let eventful: EventfulStore

    /// Wraps `changes`; `eventful` tells of them.
    package init(_ changes: any ChangeStore, toldBy eventful: EventfulStore) {
        self.changes = changes
        self.eventful = eventful
    }

    package func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        try await changes.group(name)
    }

    package func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        try await changes.groups()
    }

    package func insert(_ record: GroupRecord, note: ChangeNote) async throws(StoreError) {
        try await changes.insert(record, note: note)
        await eventful.tell(FleetEvent.between(old: nil, new: record, at: note.at))
    }

    package func save(
        _ record: GroupRecord, ifVersion version: Int64, note: ChangeNote
    ) async throws(StoreError) {
        let old = try await changes.group(record.name)
        try await changes.save(record, ifVersion: version, note: note)
        guard let old else { return }
        await eventful.tell(FleetEvent.between(old: old.document, new: record, at: note.at))
    }

    package func keep(_ note: ChangeNote, of record: GroupRecord) async throws(StoreError) {
        try await changes.keep(note, of: record)
    }

    package func tombstone(of group: InstanceName) async throws(StoreError) -> GroupTombstone? {
        try await changes.tombstone(of: group)
    }

    package func keep(_ tombstone: GroupTombstone, note: ChangeNote) async throws(StoreError) {
        try await changes.keep(tombstone, note: note)
    }

    package func history(
        of group: InstanceName, before generation: Int64?, limit: Int
    ) async throws(StoreError) -> [GroupChange] {
        try await changes.history(of: group, before: generation, limit: limit)
    }

    package func changes(before id: Int64?, limit: Int) async throws(StoreError) -> [GroupChange] {
        try await changes.changes(before: id, limit: limit)
    }
}
