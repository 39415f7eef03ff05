import JSONValues
import FakeGoogle
import FleetModel
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing
import _CryptoExtras

@testable import GoogleCloud

/// What was called.
private final class Recorded: Sendable {
    let calls = Mutex<[Discovery.Call]>([])
}

/// Notes each request and hands it on.
private struct Recorder<Inner: HTTPResponder>: HTTPResponder {
    var inner: Inner
    var recorded: Recorded

    func respond(to request: Request, context: Inner.Context) async throws -> Response {
        let buffer = try await request.body.collect(upTo: 16 << 20)
        var query: [String: [String]] = [:]
        for (key, value) in request.uri.queryParameters { query[String(key), default: []].append(String(value)) }
        let body =
            buffer.readableBytes == 0
            ? nil : try JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))
        let call = Discovery.Call(
            method: request.method.rawValue, path: request.uri.path.removingPercentEncoding ?? request.uri.path,
            query: query, body: body)
        recorded.calls.withLock { $0.append(call) }
        return try await inner.respond(to: Request(head: request.head, body: .init(buffer: buffer)), context: context)
    }
}

/// Every request that our clients make, held against Google's own discovery documents, which come with the PyPI package
/// google-api-python-client (`googleapiclient/discovery_cache/documents`).
@Suite(
    "Requests as Google's discovery documents say",
    .enabled(if: ProcessInfo.processInfo.environment["DROVER_TEST_DISCOVERY"] != nil), .timeLimit(.minutes(2)))
struct DiscoveryIntegration {
    private let folder = ProcessInfo.processInfo.environment["DROVER_TEST_DISCOVERY"] ?? ""

    /// Runs `body` and checks what was called: each call, and that all of `methods` were among them.
    private func check<Context: RequestContext>(
        _ router: Router<Context>, _ documents: [String], calls methods: Set<String>,
        _ body: (String) async throws -> Void
    ) async throws where Context.Source == ApplicationRequestContextSource {
        let discovery = try Discovery(documents, in: folder)
        let recorded = Recorded()
        try await withServer(Recorder(inner: router.buildResponder(), recorded: recorded), body)
        let calls = recorded.calls.withLock { $0 }
        for call in calls {
            let problems = discovery.problems(of: call)
            #expect(problems.isEmpty, "\(call)")
        }
        let made = Set(calls.compactMap(discovery.method))
        #expect(made == methods)
    }

    private func request(_ url: String) -> GoogleRequest { GoogleRequest(endpoint: url, timeout: .seconds(10)) }

    @Test("what is wrong is noticed")
    func mistakes() throws {
        let discovery = try Discovery(["sqladmin.v1", "monitoring.v3"], in: folder)
        func problems(
            _ method: String, _ path: String, query: [String: [String]] = [:], _ body: JSONValue? = nil
        ) -> [String] {
            discovery.problems(of: .init(method: method, path: path, query: query, body: body))
        }
        let instances = "/v1/projects/p/instances"
        #expect(problems("GET", instances, query: ["filter": ["a:b"], "maxResults": ["10"]]).isEmpty)
        #expect(problems("GET", instances, query: ["filters": ["a:b"]]).count == 1)
        #expect(problems("GET", instances, query: ["maxResults": ["ten"]]).count == 1)
        #expect(problems("PUT", instances).count == 1)
        #expect(problems("GET", "/v1/projects/p/instancess").count == 1)
        #expect(problems("POST", instances, ["name": "a", "settings": ["dataDiskSizeGb": "10"]]).isEmpty)
        #expect(problems("POST", instances, ["name": "a", "settings": ["dataDiskSizeGb": 10]]).count == 1)
        #expect(problems("POST", instances, ["settings": ["availabilityType": "REGIONALLY"]]).count == 1)
        #expect(problems("POST", instances, ["settings": ["tierr": "db-custom-1-3840"]]).count == 1)
        #expect(problems("DELETE", "\(instances)/a", ["name": "a"]).count == 1)
        let aligner = ["aggregation.perSeriesAligner": ["ALIGN_MOST"]]
        #expect(problems("GET", "/v3/projects/p/timeSeries", query: aligner).count == 1)
    }

    @Test("Cloud SQL Admin")
    func cloudSQL() async throws {
        let wallClock = TestWallClock()
        let standIn = makeStandIn(wallClock)
        let methods: Set = [
            "sql.instances.insert", "sql.instances.get", "sql.instances.list", "sql.instances.delete",
            "sql.operations.get", "sql.operations.list", "sql.instances.listServerCas", "sql.sslCerts.list",
            "sql.sslCerts.insert", "sql.sslCerts.delete",
        ]
        try await check(standIn.router(context: StandInContext.self), ["sqladmin.v1"], calls: methods) { url in
            for network in [nil, "projects/net/global/networks/vpc"] {
                let provider = CloudSQLReplicaProvider(request: request(url), project: "p", privateNetwork: network)
                let replica = try wanted(network == nil ? "shop-a" : "shop-b")
                let operation = try await provider.createReplica(replica)
                _ = try await provider.operation(id: operation)
                wallClock.advance(by: .seconds(200))
                _ = try await provider.instance(named: replica.name)
                _ = try await provider.managedReplicas()
                let shop = try InstanceName("shop")
                _ = try await provider.operations(on: shop)
                _ = try await provider.serverAuthorities(of: shop)
                let (certificate, _) = try await provider.makeClientCertificate("drover", on: shop)
                _ = try await provider.clientCertificates(of: shop)
                try await provider.deleteClientCertificate(certificate.fingerprint, on: shop)
                _ = try await provider.deleteReplica(replica)
                wallClock.advance(by: .seconds(200))
            }
        }
    }

    @Test("Pub/Sub")
    func pubSub() async throws {
        let standIn = PubSubStandIn(wallClock: TestWallClock(), clock: ContinuousClock(), longestPull: .zero)
        let methods: Set = [
            "pubsub.projects.topics.create", "pubsub.projects.subscriptions.create", "pubsub.projects.topics.publish",
            "pubsub.projects.subscriptions.pull", "pubsub.projects.subscriptions.acknowledge",
            "pubsub.projects.subscriptions.modifyAckDeadline",
        ]
        try await check(standIn.router(), ["pubsub.v1"], calls: methods) { url in
            let client = PubSubClient(request: request(url), project: "pp")
            let plan = SetupPlan(.init(project: "pp", topic: "incidents", subscription: "scaler"))
            try await SetupRun { _ throws(GoogleFailure) in request(url) }.run(plan) { _, _ in }
            let queue = PubSubWorkQueue(
                client: client, settings: .init(topic: "incidents", subscription: "scaler"),
                clocks: (TestWallClock(), ContinuousClock()), logger: quiet)
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            try await queue.announce(Incident(alert: alert("a", .open), at: now), at: now)
            try await queue.publish(WorkMessage(reason: .restart, group: InstanceName("shop")), at: now)
            let deliveries = try await queue.receive(limit: 10, visibility: .seconds(60), at: now)
            #expect(deliveries.count == 2)
            try await queue.acknowledge([deliveries[0].id])
            try await queue.release(deliveries[1].id, after: .zero, at: now)
        }
    }

    @Test("Datastore")
    func datastore() async throws {
        let methods: Set = [
            "datastore.projects.lookup", "datastore.projects.runQuery", "datastore.projects.beginTransaction",
            "datastore.projects.commit", "datastore.projects.rollback",
        ]
        let standIn = DatastoreStandIn()
        standIn.setPageSize(2)
        try await check(standIn.router(), ["datastore.v1"], calls: methods) { url in
            let stores = DatastoreStores(url)
            try await StoreConformance.incidents(stores.incidents)
            try await StoreConformance.groups(stores.groups)
            try await InstallationConformance.all(stores.client)
            try await StoreConformance.lease(DatastoreLeadership(client: stores.client))
        }
    }

    @Test("IAM, Resource Manager and the policies of secrets, keys, topics and subscriptions")
    func access() async throws {
        let documents = [
            "iam.v1", "cloudresourcemanager.v3", "secretmanager.v1", "cloudkms.v1", "pubsub.v1", "monitoring.v3",
        ]
        let methods: Set = [
            "iam.projects.serviceAccounts.create", "iam.projects.roles.create", "iam.projects.roles.get",
            "iam.projects.roles.patch", "cloudresourcemanager.projects.get",
            "cloudresourcemanager.projects.getIamPolicy", "cloudresourcemanager.projects.setIamPolicy",
            "secretmanager.projects.secrets.getIamPolicy", "secretmanager.projects.secrets.setIamPolicy",
            "cloudkms.projects.locations.keyRings.cryptoKeys.getIamPolicy",
            "cloudkms.projects.locations.keyRings.cryptoKeys.setIamPolicy", "pubsub.projects.topics.create",
            "pubsub.projects.subscriptions.create", "pubsub.projects.topics.getIamPolicy",
            "pubsub.projects.topics.setIamPolicy", "pubsub.projects.subscriptions.getIamPolicy",
            "pubsub.projects.subscriptions.setIamPolicy", "monitoring.projects.notificationChannels.list",
            "monitoring.projects.notificationChannels.create", "monitoring.projects.alertPolicies.list",
            "monitoring.projects.alertPolicies.create",
        ]
        let policies = PolicyModel()
        let router = AccessStandIn(policies: policies).router()
        PubSubStandIn(policies: policies, wallClock: TestWallClock(), clock: ContinuousClock()).addRoutes(to: router)
        for kind in ["notificationChannels", "alertPolicies"] {
            let path = RouterPath("/v3/projects/{project}/\(kind)")
            router.get(path) { _, _ in "{}" }
            router.post(path) { _, _ in #"{"name":"projects/pp/\#(kind)/1"}"# }
        }
        var wish = SetupPlan.Wish(project: "pp", topic: "incidents", subscription: "scaler")
        wish.identities = .init(project: "pp", scaler: nil, ingest: nil, api: nil)
        wish.secret = "webhook-token"
        wish.key = KMSKeyVersion(project: "pp", location: "global", keyRing: "r", key: "k", version: "1")
        wish.alerts = SetupPlan.Alerts(
            primary: try InstanceName("shop"), group: try InstanceName("shop"), replicaBaseName: "shop-ro-",
            metric: "cloudsql.googleapis.com/database/network/connections", thresholds: (800, 200))
        let plan = SetupPlan(wish)
        try await check(router, documents, calls: methods) { url in
            let run = SetupRun { _ throws(GoogleFailure) in request(url) }
            try await run.run(plan) { _, _ in }
            let name = "/v1/projects/pp/roles/droverScaler"
            let lacking = RoleDocument(includedPermissions: ["cloudsql.instances.get"])
            let call = try GoogleCall(.PATCH, name, query: [("updateMask", "includedPermissions")]).json(lacking)
            _ = try await request(url).send(call)
            try await run.run(plan) { _, _ in }
        }
    }

    @Test("Cloud KMS, Secret Manager and Cloud Monitoring's time series")
    func reading() async throws {
        let documents = ["secretmanager.v1", "cloudkms.v1", "monitoring.v3"]
        let methods: Set = [
            "secretmanager.projects.secrets.versions.access", "monitoring.projects.timeSeries.list",
            "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.getPublicKey",
            "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.asymmetricDecrypt",
        ]
        let pem = try _RSA.Encryption.PrivateKey(keySize: .bits2048).publicKey.pemRepresentation
        let router = Router()
        let base = "/v1/projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions"
        router.get(RouterPath("\(base)/1/publicKey")) { _, _ in
            let answer: JSONValue = ["pem": .string(pem), "algorithm": "RSA_DECRYPT_OAEP_2048_SHA512"]
            return ByteBuffer(bytes: try JSONEncoder().encode(answer))
        }
        router.post(RouterPath("\(base)/1:asymmetricDecrypt")) { _, _ in #"{"plaintext":"YQ=="}"# }
        router.get("/v1/projects/p/secrets/s/versions/latest:access") { _, _ in #"{"payload":{"data":"YQ=="}}"# }
        router.get("/v3/projects/p/timeSeries") { _, _ in "{}" }
        try await check(router, documents, calls: methods) { url in
            let vault = KMSVault(request: request(url))
            let key = KMSKeyVersion(project: "p", location: "global", keyRing: "r", key: "k", version: "1")
            let sealed = try await vault.seal(Secret("pw"), with: key)
            _ = try? await KMSVault(request: request(url)).open(sealed, with: key)
            _ = try await SecretManager(request: request(url), project: "p").secret("s")
            let load = MonitoringLoad(request: request(url), project: "p")
            var series = CloudMonitoringSeries(metricType: "cloudsql.googleapis.com/database/cpu/utilization")
            for ofReaders in [true, false] {
                series.ofReaders = ofReaders
                let metric = MetricPolicy(
                    name: "cpu", source: .cloudMonitoring(series), scaleOut: .init(0.7), scaleIn: .init(0.3))
                _ = try await load.readings(
                    for: try record("shop"), metrics: [metric], at: Timestamp(secondsSinceEpoch: 1_800_000_000))
            }
        }
    }
}
