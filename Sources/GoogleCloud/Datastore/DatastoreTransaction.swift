import FleetModel
import Synchronization

/// A transaction under way.
final class DatastoreTransaction: Sendable {
    let id: String
    private let client: DatastoreClient
    private let state = Mutex<GoogleFailure?>(nil)

    init(client: DatastoreClient, id: String) {
        self.client = client
        self.id = id
    }

    /// Set when a read lost against another transaction.
    var lost: GoogleFailure? { state.withLock { $0 } }

    /// The entities that exist of `keys`, as this transaction sees them.
    func lookup(_ keys: [DatastoreKey], for what: String) async throws(StoreError) -> [DatastoreKey: StoredEntity] {
        do throws(GoogleFailure) {
            return try await client.read(keys, in: id)
        } catch {
            if error.code == .aborted { state.withLock { $0 = error } }
            throw DatastoreClient.storeError(error, what)
        }
    }
}
