import FleetModel
import TestSupport
import Testing

/// The stores against Google's own Datastore emulators. What production does differently from one of the two modes, the
/// other mode does (Google's "Optimistic and pessimistic concurrency controls").
@Suite(
    "Stores on Google's Datastore emulators", .enabled(if: GoogleEmulator.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct DatastoreIntegration {
    private static let modes = [GoogleEmulator.Kind.datastoreOptimistic, .datastorePessimistic]

    @Test("all that every store must do", arguments: modes)
    func conformance(mode: GoogleEmulator.Kind) async throws {
        let emulator = try await GoogleEmulator(mode)
        defer { emulator.stop() }
        let first = DatastoreStores(emulator.url, project: "first")
        try await StoreConformance.incidents(first.incidents)
        try await StoreConformance.groups(first.groups)
        let second = DatastoreStores(emulator.url, project: "second")
        try await StoreConformance.reordered(second.incidents)
        let third = DatastoreStores(emulator.url, project: "third")
        try await StoreConformance.contention(third.groups, third.incidents)
        try await InstallationConformance.all(DatastoreStores(emulator.url, project: "fourth").client)
    }
}
