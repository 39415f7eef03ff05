package import FleetModel

/// The lead among scalers as an entity: whoever takes or keeps it does so in a transaction that read it.
package struct DatastoreLeadership: LeadershipLock {
    private let client: DatastoreClient
    private static let kind = "drover_leadership"

    /// Keeps the lead through `client`.
    package init(client: DatastoreClient) {
        self.client = client
    }

    package func lead(
        as holder: String, for duration: Duration, at now: Timestamp
    ) async throws(StoreError) -> Int64? {
        let key = client.key(Self.kind, "scaler")
        let what = "taking the lead"
        return try await client.transaction(what) {
            transaction throws(StoreError) -> (Int64?, [DatastoreMutation]) in
            let stored = try await transaction.lookup([key], for: what)[key]?.entity
            let until = now.advanced(by: duration).millisecondsSinceEpoch
            let token = stored?["Token"]?.integer ?? 0
            let end = stored?["Until"]?.integer ?? 0
            let isOurs = stored?["Holder"]?.string == holder
            // A clock that was set back must not let the lead last longer than it was given for.
            let isOver = end <= now.millisecondsSinceEpoch || end > until
            guard isOurs || isOver else { return (nil, []) }
            let next = isOurs ? token : token.clampedSum(1)
            return (next, [.upsert(Self.entity(key, holder: holder, token: next, until: until))])
        }
    }

    package func resign(as holder: String) async throws(StoreError) {
        let key = client.key(Self.kind, "scaler")
        let what = "giving up the lead"
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            guard let stored = try await transaction.lookup([key], for: what)[key]?.entity,
                stored["Holder"]?.string == holder
            else { return ((), []) }
            let token = stored["Token"]?.integer ?? 0
            return ((), [.upsert(Self.entity(key, holder: holder, token: token, until: 0))])
        }
    }

    private static func entity(
        _ key: DatastoreKey, holder: String, token: Int64, until: Int64
    ) -> DatastoreEntity {
        DatastoreEntity(
            key: key,
            properties: [
                "Holder": .string(holder), "Token": DatastoreValue(content: .integer(token)),
                "Until": DatastoreValue(content: .integer(until)),
            ])
    }
}
