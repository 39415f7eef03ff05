import FleetModel
import Pacing
import Synchronization

/// Which format the installation's entities have, and whether this version may use them: an entity that each process
/// reads before its first call and then once a minute, because a newer version may come at any time.
///
/// Members of a document that a version does not know survive its saves, so adding one needs no new format; a change
/// that an older version would misread or damage does.
final class DatastoreFormat: Sendable {
    /// What this version writes, and the newest that it can read.
    static let current: Int64 = 1
    static let kind = "drover_format"
    static let name = "store"
    static let property = "Format"
    private static let lifetime = Duration.seconds(60)

    private struct State {
        var checkedAt: Duration?
        var stored: Int64 = 0
    }

    private let state = Mutex(State())
    private let stopwatch: Stopwatch

    init(clock: any Clock<Duration>) {
        stopwatch = Stopwatch(clock)
    }

    /// Whether the entity has to be read before the next call.
    var isDue: Bool {
        let now = stopwatch.elapsed
        return state.withLock { state in state.checkedAt.map { now - $0 >= Self.lifetime } ?? true }
    }

    /// Whether the entity has to be written before the next write: there is none, or an older version's.
    var isOlder: Bool { state.withLock { $0.stored < Self.current } }

    /// Takes up what is stored.
    /// - Throws: `StoreError.unavailable` when a newer version made it.
    func note(_ entity: DatastoreEntity?) throws(StoreError) {
        let stored = entity?[Self.property]?.integer ?? 0
        guard stored <= Self.current else {
            throw .unavailable(
                reason: "the Datastore was written by a newer drover (format \(stored), this one knows up to "
                    + "\(Self.current)), and this one would damage it; run the newer drover again, or restore the "
                    + "export that was made before the upgrade")
        }
        let now = stopwatch.elapsed
        state.withLock { $0 = State(checkedAt: now, stored: stored) }
    }

    /// The entity was written.
    func wrote() {
        state.withLock { $0.stored = Self.current }
    }
}
