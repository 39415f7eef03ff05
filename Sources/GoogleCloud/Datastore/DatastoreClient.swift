package import FleetModel
import Observability

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One namespace of a Datastore, or of Firestore in Datastore mode, over REST (Cloud Datastore API v1).
///
/// Everything that depends on what is stored is a transaction that reads it: `baseVersion` alone is silently ignored
/// by the emulator in its pessimistic mode, and queries do not take part in optimistic transactions.
package struct DatastoreClient: Sendable {
    private let request: GoogleRequest
    private let project: String
    private let database: String?
    private let namespace: String
    private let clock: any Clock<Duration>
    private let format: DatastoreFormat
    /// How often a transaction that lost against another is run again.
    private static let maximumRuns = 8
    /// Datastore documentation, "Limits".
    private static let maximumEntity = 1_048_572

    /// Works in the database `database` of `project`, nil for the default one; `namespace` is Chester's unless a test
    /// says otherwise.
    package init(
        request: GoogleRequest, project: String, database: String? = nil, namespace: String = "chester",
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.request = request
        self.project = project
        self.database = database
        self.namespace = namespace
        self.clock = clock
        format = DatastoreFormat(clock: clock)
    }

    private var partition: DatastoreKey.Partition {
        DatastoreKey.Partition(projectId: project, databaseId: database, namespaceId: namespace)
    }

    /// The key of the entity `name` of `kind`.
    func key(_ kind: String, _ name: String) -> DatastoreKey {
        DatastoreKey(partitionId: partition, path: [DatastoreKey.Element(kind: kind, name: name)])
    }

    /// Reads something that need not exist.
    /// - Throws: `StoreError` when the Datastore cannot be used.
    package func probe() async throws(StoreError) {
        _ = try await lookup([key("drover_leadership", "scaler")], for: "looking into the Datastore")
    }

    /// The entities that exist of `keys`.
    func lookup(
        _ keys: [DatastoreKey], in transaction: String? = nil, for what: String
    ) async throws(StoreError) -> [DatastoreKey: StoredEntity] {
        if transaction == nil { try await checkFormat(what) }
        return try await Self.sorted(what) { () async throws(GoogleFailure) in
            try await read(keys, in: transaction)
        }
    }

    private var formatKey: DatastoreKey { key(DatastoreFormat.kind, DatastoreFormat.name) }

    /// - Throws: `StoreError.unavailable` when a newer version of Drover works on this Datastore.
    private func checkFormat(_ what: String) async throws(StoreError) {
        guard format.isDue else { return }
        let key = formatKey
        let found = try await Self.sorted(what) { () async throws(GoogleFailure) in try await read([key], in: nil) }
        try format.note(found[key]?.entity)
    }

    /// Says in the Datastore which format it has from now on.
    private func writeFormat(_ what: String) async throws(StoreError) {
        guard format.isOlder else { return }
        let key = formatKey
        try await changing(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            let stored = try await transaction.lookup([key], for: what)[key]?.entity
            try format.note(stored)
            guard format.isOlder else { return ((), []) }
            var properties = stored?.properties ?? [:]
            properties[DatastoreFormat.property] = DatastoreValue(content: .integer(DatastoreFormat.current))
            return ((), [.upsert(DatastoreEntity(key: key, properties: properties))])
        }
        format.wrote()
    }

    func read(
        _ keys: [DatastoreKey], in transaction: String?
    ) async throws(GoogleFailure) -> [DatastoreKey: StoredEntity] {
        var found: [DatastoreKey: StoredEntity] = [:]
        var left = keys
        while !left.isEmpty {
            let answer: LookupAnswer = try await send(
                "lookup", LookupRequest(databaseId: database, readOptions: .init(transaction: transaction), keys: left),
                .idempotent)
            for result in answer.found ?? [] { found[result.entity.key.normalized] = result.stored }
            let deferred = answer.deferred ?? []
            guard deferred.count < left.count else {
                throw GoogleFailure(.unavailable, call: "lookup", "every key was deferred")
            }
            left = deferred
        }
        var result: [DatastoreKey: StoredEntity] = [:]
        for key in keys { result[key] = found[key.normalized] }
        return result
    }

    /// What matches, page by page to its end.
    func run(_ query: DatastoreQuery, for what: String) async throws(StoreError) -> [StoredEntity] {
        try await checkFormat(what)
        return try await Self.sorted(what) { () async throws(GoogleFailure) in
            var found: [StoredEntity] = []
            var cursor: String?
            while true {
                let filter = query.filter.map {
                    QueryRequest.Filter(
                        propertyFilter: .init(
                            property: .init(name: $0.property), op: $0.comparison.rawValue, value: $0.value))
                }
                let answer: QueryAnswer = try await send(
                    "runQuery",
                    QueryRequest(
                        databaseId: database, partitionId: partition,
                        query: .init(
                            kind: [.init(name: query.kind)], filter: filter,
                            order: query.descending.map { [.init(property: .init(name: $0))] },
                            limit: query.limit.map { $0 - found.count }, startCursor: cursor)),
                    .idempotent)
                let page = answer.batch?.entityResults ?? []
                found += page.map(\.stored)
                guard answer.batch?.moreResults == "NOT_FINISHED", let next = answer.batch?.endCursor, next != cursor,
                    query.limit.map({ found.count < $0 }) ?? true
                else { return found }
                cursor = next
            }
        }
    }

    /// Runs `body`, which reads through the transaction it is given and says what to write; all of it again when it
    /// lost against another. A transaction that writes nothing is rolled back, and one is never left open: in the
    /// pessimistic mode it would hold its locks.
    func transaction<Result: Sendable>(
        _ what: String,
        _ body: (DatastoreTransaction) async throws(StoreError) -> (Result, [DatastoreMutation])
    ) async throws(StoreError) -> Result {
        try await checkFormat(what)
        try await writeFormat(what)
        return try await changing(what, body)
    }

    private func changing<Result: Sendable>(
        _ what: String,
        _ body: (DatastoreTransaction) async throws(StoreError) -> (Result, [DatastoreMutation])
    ) async throws(StoreError) -> Result {
        var run = 1
        while true {
            let id = try await Self.sorted(what) { () async throws(GoogleFailure) in
                try await send(
                    "beginTransaction", BeginRequest(databaseId: database), .idempotent, as: BeginAnswer.self
                )
                .transaction
            }
            do throws(TransactionEnd) {
                return try await self.run(DatastoreTransaction(client: self, id: id), what, body)
            } catch {
                switch error {
                case .failure(let failure): throw failure
                case .lost(let failure):
                    GoogleMetric.transactionsLost.count()
                    guard run < Self.maximumRuns, !Task.isCancelled else {
                        throw .unavailable(reason: "\(what): lost against others \(run) times: \(failure)")
                    }
                    let pause = Duration.milliseconds(20 << run) * Double.random(in: 0.5...1.5)
                    guard (try? await clock.sleep(for: pause)) != nil else {
                        throw .unavailable(reason: "\(what): its caller gave up")
                    }
                    run += 1
                }
            }
        }
    }

    private enum TransactionEnd: Error {
        case failure(StoreError)
        case lost(GoogleFailure)
    }

    private func run<Result: Sendable>(
        _ transaction: DatastoreTransaction, _ what: String,
        _ body: (DatastoreTransaction) async throws(StoreError) -> (Result, [DatastoreMutation])
    ) async throws(TransactionEnd) -> Result {
        let result: (Result, [DatastoreMutation])
        do throws(StoreError) {
            result = try await body(transaction)
            for mutation in result.1 { try Self.checkSize(mutation, what) }
        } catch {
            await rollback(transaction.id)
            // A read too can lose against another transaction, in the pessimistic mode.
            if let lost = transaction.lost { throw .lost(lost) }
            throw .failure(error)
        }
        guard !result.1.isEmpty else {
            await rollback(transaction.id)
            return result.0
        }
        do throws(GoogleFailure) {
            let _: Ignored = try await send(
                "commit", CommitRequest(databaseId: database, transaction: transaction.id, mutations: result.1), .once)
            return result.0
        } catch {
            if error.code == .aborted { throw .lost(error) }
            await rollback(transaction.id)
            throw .failure(Self.storeError(error, what))
        }
    }

    private func rollback(_ id: String) async {
        // A transaction that has ended already cannot be rolled back, and need not be.
        let _: Ignored? = try? await send(
            "rollback", RollbackRequest(databaseId: database, transaction: id), .idempotent)
    }

    private struct Ignored: Decodable, Sendable {}

    private func send<Answer: Decodable & Sendable>(
        _ method: String, _ body: some Encodable, _ effect: Repetition.Effect, as type: Answer.Type = Answer.self
    ) async throws(GoogleFailure) -> Answer {
        try await request.send(
            try GoogleCall(.POST, "/v1/projects/\(project):\(method)", effect: effect).json(body), as: type)
    }

    private static func checkSize(_ mutation: DatastoreMutation, _ what: String) throws(StoreError) {
        guard let entity = mutation.insert ?? mutation.update ?? mutation.upsert,
            let size = try? JSONEncoder().encode(entity).count, size > maximumEntity
        else { return }
        throw .unacceptable(
            document: what, reason: "it has \(size) bytes, and a Datastore entity may have \(maximumEntity)")
    }

    /// Runs `body` and says what was attempted when it fails.
    static func sorted<Value>(
        _ what: String, _ body: () async throws(GoogleFailure) -> Value
    ) async throws(StoreError) -> Value {
        do throws(GoogleFailure) {
            return try await body()
        } catch {
            throw storeError(error, what)
        }
    }

    static func storeError(_ failure: GoogleFailure, _ what: String) -> StoreError {
        switch failure.code {
        case .alreadyExists: .conflict(document: what)
        // An update of what is not there any more.
        case .notFound where failure.call.hasSuffix(":commit"): .conflict(document: what)
        case .permissionDenied, .unauthenticated:
            .unavailable(reason: "\(what): \(failure); grant the service account roles/datastore.user")
        default: .unavailable(reason: "\(what): \(failure)")
        }
    }
}

extension DatastoreKey {
    /// Comparable with keys in answers, which leave out an empty database.
    var normalized: DatastoreKey {
        var key = self
        if key.partitionId.databaseId == "" { key.partitionId.databaseId = nil }
        return key
    }
}
