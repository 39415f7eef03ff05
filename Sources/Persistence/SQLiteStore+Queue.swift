package import FleetModel
import GRDB
import Logging
import Synchronization

extension SQLiteStore: WorkQueue {
    /// A week of tries, one a minute.
    private static let unreadableAttempts = 10_080

    static func enqueue(_ message: WorkMessage, at now: Timestamp, _ database: Database) throws {
        try database.cachedStatement(sql: "INSERT INTO message (visible_at, document) VALUES (?, ?)")
            .execute(arguments: [now.millisecondsSinceEpoch, try encode(message, "a message")])
    }

    package func publish(_ message: WorkMessage, at now: Timestamp) async throws(StoreError) {
        try await write("publishing a message") { database in
            try Self.enqueue(message, at: now, database)
        }
    }

    package func receive(
        limit: Int, visibility: Duration, at now: Timestamp
    ) async throws(StoreError) -> [WorkDelivery] {
        let due = "FROM message WHERE visible_at <= ?"
        // Most looks find nothing, and a look must not cost a write.
        let waiting = try await look("looking for messages") { database in
            try Bool.fetchOne(
                database.cachedStatement(sql: "SELECT EXISTS (SELECT 1 \(due))"),
                arguments: [now.millisecondsSinceEpoch])
        }
        guard waiting == true else { return [] }
        return try await write("receiving messages") { database in
            var deliveries: [WorkDelivery] = []
            let rows = try Row.fetchAll(
                database, sql: "SELECT id, attempt, document \(due) ORDER BY id LIMIT ?",
                arguments: [now.millisecondsSinceEpoch, limit])
            for row in rows {
                let id: Int64 = row["id"]
                // One that only a newer version can read waits for it, and keeps no other from being received.
                guard let message = try? Self.decode(WorkMessage.self, row["document"], "message \(id)") else {
                    try self.postpone(id, attempt: row["attempt"], to: now.advanced(by: visibility), database)
                    continue
                }
                try database.cachedStatement(
                    sql: "UPDATE message SET visible_at = ?, attempt = attempt + 1 WHERE id = ?"
                ).execute(arguments: [now.advanced(by: visibility).millisecondsSinceEpoch, id])
                deliveries.append(
                    WorkDelivery(id: String(id), message: message, attempt: (row["attempt"] as Int).clampedSum(1)))
            }
            return deliveries
        }
    }

    /// Lets a message that cannot be read come again at `next`, and drops it after so many times.
    private func postpone(_ id: Int64, attempt: Int, to next: Timestamp, _ database: Database) throws {
        guard attempt < Self.unreadableAttempts else {
            try database.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [id])
            _ = unreadable.withLock { $0.remove(id) }
            return
        }
        try database.execute(
            sql: "UPDATE message SET visible_at = ?, attempt = attempt + 1 WHERE id = ?",
            arguments: [next.millisecondsSinceEpoch, id])
        let isNew = unreadable.withLock { $0.count < 1_000 && $0.insert(id).inserted }
        guard isNew else { return }
        logger?.warning(
            "a message of the queue cannot be read; it waits for a version of drover that can",
            metadata: ["message.id": "\(id)"])
    }

    package func acknowledge(_ ids: [String]) async throws(StoreError) {
        guard !ids.isEmpty else { return }
        try await write("acknowledging \(ids.count) messages") { database in
            let statement = try database.makeStatement(sql: "DELETE FROM message WHERE id = ?")
            for id in ids { try statement.execute(arguments: [Int64(id)]) }
        }
    }

    package func release(_ id: String, after delay: Duration, at now: Timestamp) async throws(StoreError) {
        try await write("releasing message \(id)") { database in
            try database.execute(
                sql: "UPDATE message SET visible_at = ? WHERE id = ?",
                arguments: [now.advanced(by: delay).millisecondsSinceEpoch, Int64(id)])
        }
    }
}
