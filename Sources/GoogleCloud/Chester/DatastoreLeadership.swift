package import FleetModel

/// The lease of the leading scaler as an entity, written in transactions that read it.
package struct DatastoreLeadership: LeadershipLock {
    private let client: DatastoreClient
    private static let kind = "drover_leadership"

    /// Keeps the lease through `client`.
    package init(client: DatastoreClient) {
        self.client = client
    }

    private var key: DatastoreKey { client.key(Self.kind, "scaler") }

    package func lease() async throws(StoreError) -> LeaderLease? {
        let key = key
        return Self.lease(try await client.lookup([key], for: "reading the lease")[key]?.entity)
    }

    package func replace(_ seen: LeaderLease?, with next: LeaderLease) async throws(StoreError) -> Bool {
        let key = key
        let what = "writing the lease"
        return try await client.transaction(what) {
            transaction throws(StoreError) -> (Bool, [DatastoreMutation]) in
            let stored = try await transaction.lookup([key], for: what)[key]?.entity
            guard Self.lease(stored) == seen else { return (false, []) }
            // What a newer version keeps in it stays.
            let properties = (stored?.properties ?? [:]).merging(Self.properties(next)) { $1 }
            return (true, [.upsert(DatastoreEntity(key: key, properties: properties))])
        }
    }

    private static func lease(_ entity: DatastoreEntity?) -> LeaderLease? {
        guard let entity else { return nil }
        return LeaderLease(
            holder: entity["Holder"]?.string ?? "", token: number(entity, "Token") ?? 0,
            renewal: number(entity, "Renewal"),
            duration: number(entity, "DurationMilliseconds").map { .milliseconds($0) },
            until: number(entity, "Until") ?? 0)
    }

    /// Not inlined: with several of these in one function the optimizer of Swift 6.3.1 ends in its own ownership check
    /// (CopyPropagation).
    @inline(never)
    private static func number(_ entity: DatastoreEntity, _ name: String) -> Int64? {
        guard let value = entity[name] else { return nil }
        return value.integer
    }

    private static func properties(_ lease: LeaderLease) -> [String: DatastoreValue] {
        func number(_ value: Int64) -> DatastoreValue { DatastoreValue(content: .integer(value)) }
        var properties = [
            "Holder": .string(lease.holder), "Token": number(lease.token), "Until": number(lease.until),
        ]
        properties["Renewal"] = lease.renewal.map(number)
        properties["DurationMilliseconds"] = lease.duration.map { number($0.wholeMilliseconds) }
        return properties
    }
}
