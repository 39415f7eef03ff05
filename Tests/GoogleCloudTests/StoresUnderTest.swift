import FakeGoogle
import FleetModel
import Foundation
import GoogleCloud
import Logging
import Persistence
import TestSupport
import Testing

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The stores that must behave alike.
enum StoreUnderTest: String, CaseIterable, Sendable {
    case sqlite
    case standIn

    /// Runs `body` with an empty store of each kind.
    func run(_ body: (any IncidentStore, any GroupStore) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
            defer { try? FileManager.default.removeItem(atPath: path) }
            let store = try SQLiteStore(directory: StateDirectory(path: path))
            try await body(store, store)
        case .standIn:
            let standIn = DatastoreStandIn()
            standIn.setPageSize(2)
            try await withServer(standIn.router()) { url in
                let stores = DatastoreStores(url)
                try await body(stores.incidents, stores.groups)
            }
        }
    }
}

/// Both stores on the Datastore at an address, in a project of their own.
struct DatastoreStores {
    let client: DatastoreClient
    let incidents: DatastoreIncidentStore
    let groups: DatastoreGroupStore

    init(
        _ url: String, project: String = "pp", vault: (any PasswordVault)? = nil, key: KMSKeyVersion? = nil,
        announce: @escaping @Sendable (Incident, Timestamp) async throws(StoreError) -> Void = {
            (_, _) throws(StoreError) in
        }
    ) {
        client = DatastoreClient(request: GoogleRequest(endpoint: url, timeout: patience), project: project)
        incidents = DatastoreIncidentStore(client: client, logger: quiet, announce: announce)
        groups = DatastoreGroupStore(
            client: client, passwords: (vault, key), policy: ScalingPolicy(maximumReplicas: 3),
            surroundings: (TestWallClock(), quiet)
        ) { _, _ throws(StoreError) in }
    }
}

func alert(_ id: String, _ state: IncidentState, group: String = "shop", seconds: Int64 = 1_700_000_000) throws -> Alert
{
    Alert(
        incidentID: id, policyName: "connections", state: state, startedAt: Timestamp(secondsSinceEpoch: seconds),
        closedAt: nil, primaryInstance: try InstanceName("shop"), group: try InstanceName(group),
        replicaBaseName: "shop-", action: .add,
        documentation:
            #"{"replica_basename":"shop-","sql_master_instance":"shop","instance_group":"\#(group)","action":"add"}"#)
}

func record(_ name: String) throws -> GroupRecord {
    let group = try InstanceName(name)
    var managed = BackendServer(name: "\(name)-r1", address: "127.0.3.12", hostgroup: 10, origin: .managed)
    managed.status = .offlineSoft
    return GroupRecord(
        configuration: FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 2_000,
            content: (
                [
                    BackendServer(name: name, address: "127.0.3.10", hostgroup: 5, origin: .primary),
                    BackendServer(name: "\(name)-fixed", address: "127.0.3.11", hostgroup: 10, origin: .configured),
                    managed,
                ],
                [ProxyUser(username: "app", password: Secret("s'ecret"), defaultHostgroup: 5)],
                QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
            )),
        policy: ScalingPolicy(maximumReplicas: 3), primaryInstance: group)
}

/// Checks that `body` fails by a conflict.
func expectConflict(_ body: () async throws -> Void) async {
    do {
        try await body()
        Issue.record("a conflict was expected")
    } catch {
        guard case .conflict? = error as? StoreError else {
            Issue.record("a conflict was expected, not \(error)")
            return
        }
    }
}
