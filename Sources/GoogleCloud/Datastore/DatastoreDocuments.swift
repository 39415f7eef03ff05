import JSONValues

// The parts of Cloud Datastore API v1's documents that are read or written here; int64 are texts there.

/// `Key`: which entity.
struct DatastoreKey: Codable, Hashable, Sendable {
    struct Partition: Codable, Hashable, Sendable {
        var projectId: String?
        var databaseId: String?
        var namespaceId: String?
    }

    struct Element: Codable, Hashable, Sendable {
        var kind: String
        var name: String?
        /// Chester gives names to all; an id belongs to somebody else's entity.
        var id: String?
    }

    var partitionId: Partition
    var path: [Element]

    /// The last element's name.
    var name: String { path.last?.name ?? "" }

    /// The key of a child of the same name.
    func child(_ kind: String) -> DatastoreKey {
        DatastoreKey(partitionId: partitionId, path: path + [Element(kind: kind, name: name)])
    }
}

/// `Value`, with whether it is left out of the indexes.
struct DatastoreValue: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        case double(Double)
        case string(String)
        case timestamp(String)
        case blob(String)
        case key(DatastoreKey)
        case array([DatastoreValue])
        case entity([String: DatastoreValue])
        /// Whatever else there is, as it came: somebody else's property must neither be lost nor stop the reading.
        case other([String: JSONValue])
    }

    var content: Content
    var isExcluded = false

    /// A text; one that is too long for an index (Datastore documentation, "Limits": 1,500 bytes) is left out of it.
    static func string(_ text: String, isExcluded: Bool = false) -> DatastoreValue {
        DatastoreValue(content: .string(text), isExcluded: isExcluded || text.utf8.count > 1_500)
    }

    static func integer(_ number: Int) -> DatastoreValue { DatastoreValue(content: .integer(Int64(number))) }

    static func bool(_ value: Bool) -> DatastoreValue { DatastoreValue(content: .bool(value)) }

    static func entity(_ properties: [String: DatastoreValue]) -> DatastoreValue {
        DatastoreValue(content: .entity(properties))
    }

    static func array(_ values: [DatastoreValue]) -> DatastoreValue { DatastoreValue(content: .array(values)) }

    /// The text, if it is one.
    var string: String? {
        if case .string(let text) = content { text } else { nil }
    }

    /// The number, if it is a whole one.
    var integer: Int64? {
        if case .integer(let number) = content { number } else { nil }
    }

    /// The members, if it is an entity.
    var members: [String: DatastoreValue] {
        if case .entity(let members) = content { members } else { [:] }
    }

    /// The elements, if it is an array.
    var elements: [DatastoreValue] {
        if case .array(let elements) = content { elements } else { [] }
    }
}

extension DatastoreValue: Codable {
    private enum Key: String, CodingKey {
        case nullValue, booleanValue, integerValue, doubleValue, stringValue, timestampValue, blobValue, keyValue
        case arrayValue, entityValue, excludeFromIndexes
    }

    private struct Array: Codable {
        var values: [DatastoreValue]?
    }

    private struct Members: Codable {
        var properties: [String: DatastoreValue]?
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        isExcluded = try container.decodeIfPresent(Bool.self, forKey: .excludeFromIndexes) ?? false
        if let value = try container.decodeIfPresent(String.self, forKey: .stringValue) {
            content = .string(value)
        } else if let value = try container.decodeIfPresent(String.self, forKey: .integerValue) {
            guard let number = Int64(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .integerValue, in: container, debugDescription: "no whole number")
            }
            content = .integer(number)
        } else if let value = try container.decodeIfPresent(Bool.self, forKey: .booleanValue) {
            content = .bool(value)
        } else if let value = try container.decodeIfPresent(Members.self, forKey: .entityValue) {
            content = .entity(value.properties ?? [:])
        } else if let value = try container.decodeIfPresent(Array.self, forKey: .arrayValue) {
            content = .array(value.values ?? [])
        } else if let value = try? container.decodeIfPresent(Double.self, forKey: .doubleValue) {
            content = .double(value)
        } else if let value = try container.decodeIfPresent(String.self, forKey: .timestampValue) {
            content = .timestamp(value)
        } else if let value = try container.decodeIfPresent(String.self, forKey: .blobValue) {
            content = .blob(value)
        } else if let value = try container.decodeIfPresent(DatastoreKey.self, forKey: .keyValue) {
            content = .key(value)
        } else if container.contains(.nullValue) {
            content = .null
        } else {
            // Points on the earth, and numbers that are none, which are texts.
            var members = try [String: JSONValue](from: decoder)
            members["excludeFromIndexes"] = nil
            content = .other(members)
        }
    }

    func encode(to encoder: any Encoder) throws {
        if case .other(var members) = content {
            if isExcluded { members["excludeFromIndexes"] = true }
            return try members.encode(to: encoder)
        }
        var container = encoder.container(keyedBy: Key.self)
        if isExcluded { try container.encode(true, forKey: .excludeFromIndexes) }
        switch content {
        case .null: try container.encodeNil(forKey: .nullValue)
        case .bool(let value): try container.encode(value, forKey: .booleanValue)
        case .integer(let value): try container.encode(String(value), forKey: .integerValue)
        case .double(let value): try container.encode(value, forKey: .doubleValue)
        case .string(let value): try container.encode(value, forKey: .stringValue)
        case .timestamp(let value): try container.encode(value, forKey: .timestampValue)
        case .blob(let value): try container.encode(value, forKey: .blobValue)
        case .key(let value): try container.encode(value, forKey: .keyValue)
        case .array(let values): try container.encode(Array(values: values), forKey: .arrayValue)
        case .entity(let members): try container.encode(Members(properties: members), forKey: .entityValue)
        case .other: break
        }
    }
}

/// `Entity`.
struct DatastoreEntity: Codable, Hashable, Sendable {
    var key: DatastoreKey
    var properties: [String: DatastoreValue]?

    init(key: DatastoreKey, properties: [String: DatastoreValue]) {
        self.key = key
        self.properties = properties
    }

    subscript(name: String) -> DatastoreValue? { properties?[name] }
}

/// An entity as it was read.
struct StoredEntity: Hashable, Sendable {
    var entity: DatastoreEntity
    /// Grows with each change of the entity, whoever makes it.
    var version: Int64
}

/// `Mutation`.
struct DatastoreMutation: Codable, Hashable, Sendable {
    var insert: DatastoreEntity?
    var update: DatastoreEntity?
    var upsert: DatastoreEntity?
    var delete: DatastoreKey?

    static func insert(_ entity: DatastoreEntity) -> Self { Self(insert: entity) }
    static func update(_ entity: DatastoreEntity) -> Self { Self(update: entity) }
    static func upsert(_ entity: DatastoreEntity) -> Self { Self(upsert: entity) }
    static func delete(_ key: DatastoreKey) -> Self { Self(delete: key) }
}

/// A query of one kind; as simple as the emulators and an installation without composite indexes allow.
struct DatastoreQuery: Sendable {
    enum Comparison: String, Sendable {
        case equal = "EQUAL"
        case less = "LESS_THAN"
        case greater = "GREATER_THAN"
    }

    var kind: String
    var filter: (property: String, comparison: Comparison, value: DatastoreValue)?
    /// The property to order by, the largest first.
    var descending: String?
    var limit: Int?

    init(
        _ kind: String, where filter: (property: String, comparison: Comparison, value: DatastoreValue)? = nil,
        descending: String? = nil, limit: Int? = nil
    ) {
        self.kind = kind
        self.filter = filter
        self.descending = descending
        self.limit = limit
    }
}
