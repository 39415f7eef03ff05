import MySQLWire

/// Statements of a dump, with errors that say what was attempted.
struct DigestSession: Sendable {
    let connection: MySQLConnection
    let timeout: Duration
    let server: String

    /// Runs a statement whose result does not matter.
    func execute(_ statement: String) async throws(DigestError) {
        do {
            _ = try await connection.query(statement, timeout: timeout)
        } catch {
            throw failure(statement, error)
        }
    }

    /// The first column of a small result.
    func texts(_ statement: String) async throws(DigestError) -> [String] {
        do {
            return try await connection.query(statement, timeout: timeout).rows.compactMap { $0[0] }
        } catch {
            throw failure(statement, error)
        }
    }

    /// Hands over each row of a result of any size.
    func rows(
        _ statement: String, _ body: (MySQLRow, MySQLColumns) throws(DigestError) -> Void
    ) async throws(DigestError) {
        do {
            try await connection.withRows(statement, timeout: timeout) { rows in
                for try await row in rows { try body(row, rows.columns) }
            }
        } catch let error as DigestError {
            throw error
        } catch {
            throw failure(statement, error)
        }
    }

    private func failure(_ statement: String, _ error: any Error) -> DigestError {
        if let error = error as? MySQLServerError {
            return DigestError(.refused, "\(server) refused \"\(statement)\": \(error)")
        }
        return DigestError(.unreachable, "\(server) did not finish \"\(statement)\": \(error)")
    }
}
