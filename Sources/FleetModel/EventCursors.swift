/// How far each reader of the event log has come, on disk beside it.
package protocol EventCursors: Sendable {
    /// The id of the last event that the reader is done with; nil for a reader that was never there.
    func cursor(of reader: String) async throws(StoreError) -> Int64?
    /// Notes that the reader is done with every event up to `id`.
    func setCursor(of reader: String, to id: Int64) async throws(StoreError)
}
