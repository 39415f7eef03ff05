package import FleetModel
package import Logging
package import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Groups in Datastore as Chester keeps them: an installation's data is taken over as it is, and what Chester's tools
/// change afterwards is taken over too, the next time it is read.
package struct DatastoreGroupStore: GroupStore {
    let client: DatastoreClient
    let vault: (any PasswordVault)?
    let key: KMSKeyVersion?
    let policy: ScalingPolicy
    let wallClock: any WallClock
    let announce: @Sendable (WorkMessage, Timestamp) async throws(StoreError) -> Void
    let logger: Logger
    private let foresees: (@Sendable (InstanceName) -> Void)?
    private let known = KnownNames()
    /// The list of all groups: one entity with a JSON object from each group to itself.
    private static let listKind = "proxysql_metadata"
    private static let listProperty = "instance_metadata"

    /// Keeps groups through `client`.
    ///
    /// New and changed passwords are encrypted with `key`; nil (Chester's `FORCE_ENCRYPT=false`) keeps them as they
    /// are in a group that has no key, and encrypts them with the group's where it has one. `policy` is for groups that
    /// only Chester knew; their maximum is Chester's. `announce` publishes the message that wakes the scaler. With
    /// `foresees`, reading writes nothing: what would be taken over is only told.
    package init(
        client: DatastoreClient, passwords: (vault: (any PasswordVault)?, key: KMSKeyVersion?), policy: ScalingPolicy,
        surroundings: (wallClock: any WallClock, logger: Logger),
        foresees: (@Sendable (InstanceName) -> Void)? = nil,
        announce: @escaping @Sendable (WorkMessage, Timestamp) async throws(StoreError) -> Void
    ) {
        self.client = client
        self.vault = passwords.vault
        self.key = passwords.key
        self.policy = policy
        self.wallClock = surroundings.wallClock
        self.announce = announce
        self.logger = surroundings.logger
        self.foresees = foresees
    }

    package func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        let keys = GroupEntities.keys(of: name, client)
        let found = try await client.lookup(
            [keys.configuration, keys.metadata, keys.own], for: "reading group \(name)")
        return try await record(name, GroupEntities(found, keys))
    }

    /// The names, as they were a few seconds ago: they are asked for several times a second, and each entity that is
    /// read costs.
    package func names() async throws(StoreError) -> [InstanceName] {
        let now = wallClock.now()
        if let names = known.names(at: now) { return names }
        let names = try await Self.names(client)
        known.set(names, at: now)
        return names
    }

    /// The names of all groups, for whoever may not read what is in them.
    package static func names(_ client: DatastoreClient) async throws(StoreError) -> [InstanceName] {
        let found = try await client.run(DatastoreQuery(ChesterGroup.kind), for: "reading the groups' names")
        return found.compactMap { try? InstanceName($0.entity.key.name, kind: "group") }.sorted()
    }

    package func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        let what = "reading the groups"
        let configurations = try await client.run(DatastoreQuery(ChesterGroup.kind), for: what)
        let metadata = try await byGroup(GroupEntities.metadataKind, what)
        let own = try await byGroup(GroupEntities.ownKind, what)
        var records: [Versioned<GroupRecord>] = []
        for configuration in configurations.map(\.entity).sorted(by: { $0.key.name < $1.key.name }) {
            let text = configuration.key.name
            let entities = GroupEntities(configuration: configuration, metadata: metadata[text], own: own[text])
            do throws(StoreError) {
                let name = try Self.name(text)
                if let record = try await record(name, entities) { records.append(record) }
            } catch .corrupt(let document, let reason) {
                // One group that nobody understands must not hide the others.
                logger.warning("a group is left out", metadata: ["group.name": "\(document)", "error": "\(reason)"])
            }
        }
        return records
    }

    private static func name(_ text: String) throws(StoreError) -> InstanceName {
        do throws(InvalidName) {
            return try InstanceName(text, kind: "group")
        } catch {
            throw .corrupt(document: "group \(text)", reason: error.description)
        }
    }

    private func byGroup(_ kind: String, _ what: String) async throws(StoreError) -> [String: DatastoreEntity] {
        let found = try await client.run(DatastoreQuery(kind), for: what)
        return Dictionary(found.map { ($0.entity.key.name, $0.entity) }) { first, _ in first }
    }

    // MARK: Reading

    private func record(
        _ name: InstanceName, _ entities: GroupEntities
    ) async throws(StoreError) -> Versioned<GroupRecord>? {
        guard let configuration = entities.configuration else { return nil }
        let ours = try entities.ours(name)
        var stored: Versioned<GroupRecord>
        if let ours, entities.agree(with: ours.document) {
            stored = ours
        } else if let taken = try await takeOver(name) {
            stored = taken
        } else {
            return nil
        }
        stored.document = try await open(stored.document, with: ChesterGroup.key(of: configuration))
        return stored
    }

    /// The record with its passwords in clear.
    func open(_ record: GroupRecord, with key: KMSKeyVersion?) async throws(StoreError) -> GroupRecord {
        guard let key else { return record }
        guard let vault else {
            throw .unavailable(
                reason: "reading group \(record.name): its passwords are encrypted with \(key.resource), and there is "
                    + "nothing here to decrypt them with")
        }
        var opened = record
        for index in opened.configuration.users.indices {
            let text = opened.configuration.users[index].password.reveal()
            opened.configuration.users[index].password = try await vault.open(text, with: key)
        }
        try await opened.changeKeys { sealed throws(StoreError) in try await vault.openLong(sealed, with: key) }
        return opened
    }

    /// Writes our entity anew from what Chester's say.
    private func takeOver(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        let keys = GroupEntities.keys(of: name, client)
        let what = "taking over group \(name)"
        let bases = try await usedRuleIDBases(what)
        if let foresees {
            let found = try await client.lookup([keys.configuration, keys.metadata, keys.own], for: what)
            let taken = try takenOver(name, GroupEntities(found, keys), bases)
            if taken?.isNew == true { foresees(name) }
            return taken?.record
        }
        let taken = try await client.transaction(what) {
            transaction throws(StoreError) -> ((record: Versioned<GroupRecord>, isNew: Bool)?, [DatastoreMutation]) in
            let found = try await transaction.lookup([keys.configuration, keys.metadata, keys.own], for: what)
            let entities = GroupEntities(found, keys)
            guard let taken = try takenOver(name, entities, bases), let configuration = entities.configuration else {
                return (nil, [])
            }
            // Somebody else has just done it.
            guard taken.isNew else { return (taken, []) }
            let record = taken.record.document
            let own = try GroupEntities.own(
                record, version: taken.record.version, at: keys.own, over: entities.own)
            let note = ChangeNote(at: wallClock.now(), actor: "Chester's tools", source: "", action: "taken over")
            let change = try change(record, ChesterGroup.key(of: configuration), note)
            return (taken, [.upsert(own), change])
        }
        if let taken, taken.isNew {
            logger.notice(
                "took over what Chester's tools stored",
                metadata: [
                    "group.name": "\(name)",
                    "group.generation": "\(taken.record.document.configuration.generation)",
                ])
        }
        return taken?.record
    }

    /// What our entity says once it follows Chester's; `isNew` when that is not what is stored.
    private func takenOver(
        _ name: InstanceName, _ entities: GroupEntities, _ bases: Set<Int>
    ) throws(StoreError) -> (record: Versioned<GroupRecord>, isNew: Bool)? {
        guard let configuration = entities.configuration else { return nil }
        var record: GroupRecord
        var version: Int64 = 1
        if let ours = try entities.ours(name) {
            if entities.agree(with: ours.document) { return (ours, false) }
            record = ours.document
            version = ours.version.clampedSum(1)
            ChesterGroup(configuration).change(&record)
        } else {
            let base = (0...).lazy.map { $0 * 1_000 }.first { !bases.contains($0) } ?? 0
            record = ChesterGroup(configuration).record(named: name, ruleIDBase: base, policy: policy)
            record.policy.maximumReplicas = 0
        }
        if let maximum = entities.maximum { record.policy.maximumReplicas = maximum }
        return (Versioned(document: record, version: version), true)
    }

    private func usedRuleIDBases(_ what: String) async throws(StoreError) -> Set<Int> {
        var bases: Set<Int> = []
        for stored in try await client.run(DatastoreQuery(GroupEntities.ownKind), for: what) {
            guard let name = try? InstanceName(stored.entity.key.name) else { continue }
            let entities = GroupEntities(configuration: nil, metadata: nil, own: stored.entity)
            if let ours = try? entities.ours(name) { bases.insert(ours.document.configuration.ruleIDBase) }
        }
        return bases
    }

    // MARK: Writing

    package func insert(_ record: GroupRecord) async throws(StoreError) {
        try await insert(record, optionalNote: nil)
    }

    func insert(_ record: GroupRecord, optionalNote note: ChangeNote?) async throws(StoreError) {
        let what = "group \(record.name)"
        let keys = GroupEntities.keys(of: record.name, client)
        let list = listKey
        let sealed = try await seal(record, with: key)
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            let found = try await transaction.lookup([keys.configuration, list], for: what)
            guard found[keys.configuration] == nil else { throw .conflict(document: what) }
            return (
                (),
                try writes(sealed, version: 1, over: GroupEntities(found, keys), key)
                    + [change(sealed, key, note), .delete(tombstoneKey(record.name))]
                    + [try Self.list(found[list], list) { $0[record.name.text] = record.name.text }]
            )
        }
    }

    package func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        try await save(record, ifVersion: version, optionalNote: nil)
    }

    func save(
        _ record: GroupRecord, ifVersion version: Int64, optionalNote note: ChangeNote?
    ) async throws(StoreError) {
        let what = "group \(record.name)"
        let keys = GroupEntities.keys(of: record.name, client)
        let key = try await keyForWriting(keys.configuration, what)
        let sealed = try await seal(record, with: key)
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            let found = try await transaction.lookup([keys.configuration, keys.metadata, keys.own], for: what)
            let entities = GroupEntities(found, keys)
            let before = try Self.check(entities, record.name, version)
            var mutations = try writes(sealed, version: version.clampedSum(1), over: entities, key)
            if before.configuration.generation != sealed.configuration.generation {
                mutations.append(try change(sealed, key, note))
            }
            return ((), mutations)
        }
    }

    package func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        let what = "group \(name)"
        let keys = GroupEntities.keys(of: name, client)
        let list = listKey
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            let found = try await transaction.lookup(
                [keys.configuration, keys.metadata, keys.own, list], for: what)
            _ = try Self.check(GroupEntities(found, keys), name, version)
            let deletions = [keys.configuration, keys.metadata, keys.own].map { DatastoreMutation.delete($0) }
            return (
                (),
                deletions + [try Self.list(found[list], list) { $0[name.text] = nil }]
                    + (try tombstone.map { tombstone throws(StoreError) in [try entity(tombstone)] } ?? [])
            )
        }
        if let tombstone { await prune(at: tombstone.at) }
    }

    /// What was read must be what is stored, in Chester's entities too.
    private static func check(
        _ entities: GroupEntities, _ name: InstanceName, _ version: Int64
    ) throws(StoreError) -> GroupRecord {
        guard let ours = try entities.ours(name), ours.version == version, entities.agree(with: ours.document) else {
            throw .conflict(document: "group \(name)")
        }
        return ours.document
    }

    private func writes(
        _ sealed: GroupRecord, version: Int64, over stored: GroupEntities, _ key: KMSKeyVersion?
    ) throws(StoreError) -> [DatastoreMutation] {
        let keys = GroupEntities.keys(of: sealed.name, client)
        let properties = ChesterGroup(sealed).properties(of: sealed.name, over: stored.configuration, key: key)
        var metadata = stored.metadata?.properties ?? [:]
        metadata["InstanceGroup"] = .string(sealed.name.text)
        metadata["MaxChesterInstances"] = .integer(sealed.policy.maximumReplicas)
        return [
            .upsert(DatastoreEntity(key: keys.configuration, properties: properties)),
            .upsert(DatastoreEntity(key: keys.metadata, properties: metadata)),
            .upsert(try GroupEntities.own(sealed, version: version, at: keys.own, over: stored.own)),
        ]
    }

    private func keyForWriting(_ entity: DatastoreKey, _ what: String) async throws(StoreError) -> KMSKeyVersion? {
        if let key { return key }
        guard vault != nil, let stored = try await client.lookup([entity], for: what)[entity] else { return nil }
        return ChesterGroup.key(of: stored.entity)
    }

    /// The record with its passwords in the form in which they are stored.
    private func seal(_ record: GroupRecord, with key: KMSKeyVersion?) async throws(StoreError) -> GroupRecord {
        guard let key else { return record }
        guard let vault else {
            throw .unavailable(reason: "group \(record.name): there is a key for passwords and nothing to use it with")
        }
        var sealed = record
        for index in sealed.configuration.users.indices {
            let password = sealed.configuration.users[index].password
            sealed.configuration.users[index].password = Secret(try await vault.seal(password, with: key))
        }
        try await sealed.changeKeys { clear throws(StoreError) in try await vault.sealLong(clear, with: key) }
        return sealed
    }

    private var listKey: DatastoreKey { client.key(Self.listKind, Self.listKind) }

    private static func list(
        _ stored: StoredEntity?, _ key: DatastoreKey, _ change: (inout [String: String]) -> Void
    ) throws(StoreError) -> DatastoreMutation {
        var groups: [String: String] = [:]
        if let text = stored?.entity[listProperty]?.string, !text.isEmpty {
            guard let parsed = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8)) else {
                throw .corrupt(document: "the entity \(listKind)", reason: "\(listProperty) is no JSON object of texts")
            }
            groups = parsed
        }
        change(&groups)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(groups) else {
            throw .corrupt(document: "the entity \(listKind)", reason: "it cannot be written")
        }
        var properties = stored?.entity.properties ?? [:]
        properties[listProperty] = .string(String(decoding: data, as: UTF8.self))
        return .upsert(DatastoreEntity(key: key, properties: properties))
    }
}

/// The names of the groups, for a few seconds.
private final class KnownNames: Sendable {
    private let state = Mutex<(names: [InstanceName], at: Timestamp)?>(nil)
    private static let lifetime = Duration.seconds(10)

    func names(at now: Timestamp) -> [InstanceName]? {
        state.withLock { known in
            guard let known, now >= known.at, now.since(known.at) < Self.lifetime else { return nil }
            return known.names
        }
    }

    func set(_ names: [InstanceName], at now: Timestamp) {
        state.withLock { $0 = (names, now) }
    }
}
