package import FleetModel
import GRDB

/// In the file of the log: who moves it away to begin a new one, whose ids begin anew, moves the cursors away too.
extension SQLiteEventLog: EventCursors {
    package func cursor(of reader: String) async throws(StoreError) -> Int64? {
        do {
            return try await database.read {
                try Int64.fetchOne($0, sql: "SELECT id FROM cursor WHERE reader = ?", arguments: [reader])
            }
        } catch {
            throw .unavailable(reason: "reading how far \(reader) has read the events: \(error)")
        }
    }

    package func setCursor(of reader: String, to id: Int64) async throws(StoreError) {
        do {
            try await database.write {
                try $0.execute(
                    sql: "INSERT OR REPLACE INTO cursor (reader, id) VALUES (?, ?)", arguments: [reader, id])
            }
        } catch {
            throw .unavailable(reason: "noting how far \(reader) has read the events: \(error)")
        }
    }
}
