import MySQLWire
package import ProxySQLAdmin

/// An admin interface, as cells of text.
package protocol AdminShell: Sendable {
    /// Sends one statement; its rows, every value text and nil NULL.
    func rows(_ statement: String) async throws(AdminError) -> [[String?]]
}

extension AdminPort: AdminShell {
    package func rows(_ statement: String) async throws(AdminError) -> [[String?]] {
        let result = try await query(statement)
        return result.rows.map { row in result.columns.indices.map { row[$0] } }
    }
}
