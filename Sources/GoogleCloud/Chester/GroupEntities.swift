import FleetModel
import JSONValues

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The entities that together are one group: Chester's configuration, its metadata, and a child of our own with what
/// Chester has no place for.
///
/// Ours is an entity by itself because Chester's tools fail on properties that they do not know.
struct GroupEntities: Sendable {
    static let metadataKind = "chester_metadata"
    static let ownKind = "drover_group"

    var configuration: DatastoreEntity?
    var metadata: DatastoreEntity?
    var own: DatastoreEntity?

    /// The keys of the three.
    static func keys(
        of group: InstanceName, _ client: DatastoreClient
    ) -> (configuration: DatastoreKey, metadata: DatastoreKey, own: DatastoreKey) {
        let key = client.key(ChesterGroup.kind, group.text)
        return (key, key.child(metadataKind), key.child(ownKind))
    }

    init(configuration: DatastoreEntity?, metadata: DatastoreEntity?, own: DatastoreEntity?) {
        self.configuration = configuration
        self.metadata = metadata
        self.own = own
    }

    init(
        _ found: [DatastoreKey: StoredEntity],
        _ keys: (configuration: DatastoreKey, metadata: DatastoreKey, own: DatastoreKey)
    ) {
        configuration = found[keys.configuration]?.entity
        metadata = found[keys.metadata]?.entity
        own = found[keys.own]?.entity
    }

    /// Our record as we last wrote it, passwords in their stored form; nil where we never wrote one.
    func ours(_ group: InstanceName) throws(StoreError) -> Versioned<GroupRecord>? {
        guard let own else { return nil }
        guard let text = own["Document"]?.string, let version = own["Version"]?.integer else {
            throw .corrupt(document: "group \(group)", reason: "the entity \(Self.ownKind) has no Document or Version")
        }
        do {
            let record = try JSONDecoder().decode(GroupRecord.self, from: Data(text.utf8))
            return Versioned(document: record, version: version)
        } catch {
            throw .corrupt(document: "group \(group)", reason: "the entity \(Self.ownKind) cannot be read: \(error)")
        }
    }

    /// Whether Chester's entities say what `record` says; if not, somebody else has changed them.
    func agree(with record: GroupRecord) -> Bool {
        guard let configuration else { return false }
        return ChesterGroup(configuration) == ChesterGroup(record)
            && (maximum == nil || maximum == record.policy.maximumReplicas)
    }

    /// `MaxChesterInstances`, in the range of our own: fewer than none is none.
    var maximum: Int? {
        // One step at a time: optimising the whole as one chain crashes the compiler (Swift 6.3.1, release builds).
        guard let value = metadata?["MaxChesterInstances"], let number = value.integer else { return nil }
        return Int(min(max(number, 0), 1_000))
    }

    /// Our entity for `record`, whose passwords are in their stored form, over the one that is stored: properties of the
    /// entity, and members of the document, that a newer version wrote stay.
    static func own(
        _ record: GroupRecord, version: Int64, at key: DatastoreKey, over stored: DatastoreEntity?
    ) throws(StoreError) -> DatastoreEntity {
        do {
            var document = try JSONEncoder().encode(record)
            if let before = stored?["Document"]?.string.map({ Data($0.utf8) }),
                let read = try? JSONDecoder().decode(GroupRecord.self, from: before)
            {
                document = UnknownMembers.kept(in: document, from: before, readAs: try JSONEncoder().encode(read))
            }
            let text = String(decoding: document, as: UTF8.self)
            let properties = [
                "Document": DatastoreValue.string(text, isExcluded: true),
                "Version": DatastoreValue(content: .integer(version)),
            ]
            return DatastoreEntity(key: key, properties: (stored?.properties ?? [:]).merging(properties) { $1 })
        } catch {
            throw .corrupt(document: "group \(record.name)", reason: "it cannot be written: \(error)")
        }
    }
}
