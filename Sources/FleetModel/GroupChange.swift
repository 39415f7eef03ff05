/// Who changes a group, from where and by what: kept beside the change for as long as the history goes back.
package struct ChangeNote: Hashable, Codable, Sendable {
    /// When.
    package var at: Timestamp
    /// The caller's name.
    package var actor: String
    /// The address that the request came from.
    package var source: String
    /// What was asked for, for example `PATCH /v1/groups/shop`.
    package var action: String

    /// Makes a note.
    package init(at: Timestamp, actor: String, source: String, action: String) {
        self.at = at
        self.actor = actor
        self.source = source
        self.action = action
    }
}

/// One generation of a group, as it was when it became durable.
package struct GroupChange: Sendable {
    /// Counts the changes of all groups, upwards.
    package var id: Int64
    /// The group.
    package var group: InstanceName
    /// The generation that began with the change.
    package var generation: Int64
    /// Who made it.
    package var note: ChangeNote
    /// The record as it was then; nil in listings that need only the note.
    package var record: GroupRecord?

    /// Makes a change.
    package init(id: Int64, group: InstanceName, generation: Int64, note: ChangeNote, record: GroupRecord?) {
        self.id = id
        self.group = group
        self.generation = generation
        self.note = note
        self.record = record
    }
}

/// Durable groups whose changes are kept with who made them.
package protocol ChangeStore: Sendable {
    /// The group's record.
    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>?
    /// All groups, by name.
    func groups() async throws(StoreError) -> [Versioned<GroupRecord>]
    /// Stores a new group, the note and the message that wakes the scaler, in one durable transaction; throws
    /// `.conflict` when one of that name exists.
    func insert(_ record: GroupRecord, note: ChangeNote) async throws(StoreError)
    /// Saves a change, the note and the message that wakes the scaler, in one durable transaction; throws `.conflict`
    /// when `version` is not the stored one.
    func save(_ record: GroupRecord, ifVersion version: Int64, note: ChangeNote) async throws(StoreError)
    /// Keeps a note of what changed nothing and must be traceable all the same, for example a reading of passwords.
    func keep(_ note: ChangeNote, of record: GroupRecord) async throws(StoreError)
    /// What is kept of the group of that name, when it was removed and none is stored.
    func tombstone(of group: InstanceName) async throws(StoreError) -> GroupTombstone?
    /// Keeps a tombstone, in the place of the group's former one, with the message that wakes the scaler.
    func keep(_ tombstone: GroupTombstone, note: ChangeNote) async throws(StoreError)
    /// The generations of a group, newest first, those below `before` only.
    func history(
        of group: InstanceName, before generation: Int64?, limit: Int
    ) async throws(StoreError) -> [GroupChange]
    /// The changes of every group, newest first, without their records, those below the id `before` only.
    func changes(before id: Int64?, limit: Int) async throws(StoreError) -> [GroupChange]
}
