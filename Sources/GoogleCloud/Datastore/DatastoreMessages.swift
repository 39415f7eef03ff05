// What the methods of Cloud Datastore API v1 take and answer.

struct ReadOptions: Encodable, Sendable {
    var transaction: String?
}

struct LookupRequest: Encodable, Sendable {
    var databaseId: String?
    var readOptions: ReadOptions?
    var keys: [DatastoreKey]
}

struct EntityResult: Decodable, Sendable {
    var entity: DatastoreEntity
    var version: String?

    var stored: StoredEntity { StoredEntity(entity: entity, version: version.flatMap { Int64($0) } ?? 0) }
}

struct LookupAnswer: Decodable, Sendable {
    var found: [EntityResult]?
    /// What the server had no time for.
    var deferred: [DatastoreKey]?
}

struct QueryRequest: Encodable, Sendable {
    struct Name: Encodable, Sendable { var name: String }
    struct Order: Encodable, Sendable {
        var property: Name
        var direction = "DESCENDING"
    }
    struct PropertyFilter: Encodable, Sendable {
        var property: Name
        var op: String
        var value: DatastoreValue
    }
    struct Filter: Encodable, Sendable { var propertyFilter: PropertyFilter }
    struct Query: Encodable, Sendable {
        var kind: [Name]
        var filter: Filter?
        var order: [Order]?
        var limit: Int?
        var startCursor: String?
    }

    var databaseId: String?
    var partitionId: DatastoreKey.Partition
    var query: Query
}

struct QueryAnswer: Decodable, Sendable {
    struct Batch: Decodable, Sendable {
        var entityResults: [EntityResult]?
        var endCursor: String?
        var moreResults: String?
    }

    var batch: Batch?
}

struct BeginRequest: Encodable, Sendable {
    struct Options: Encodable, Sendable {
        struct ReadWrite: Encodable, Sendable { var previousTransaction: String? }
        var readWrite = ReadWrite()
    }

    var databaseId: String?
    var transactionOptions = Options()
}

struct BeginAnswer: Decodable, Sendable { var transaction: String }

struct CommitRequest: Encodable, Sendable {
    var databaseId: String?
    var mode = "TRANSACTIONAL"
    var transaction: String
    var mutations: [DatastoreMutation]
}

struct RollbackRequest: Encodable, Sendable {
    var databaseId: String?
    var transaction: String
}
