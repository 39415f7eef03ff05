import FakeKubernetes
import FleetModel
import Foundation
import JSONValues
import KubernetesClient
import Logging
import ProxySQLAdmin
import Scaler
import Synchronization
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The stand-in of the Kubernetes API and a client with every right.
func withKubernetes(_ body: @Sendable (KubernetesClient, FakeKubernetes) async throws -> Void) async throws {
    let fake = FakeKubernetes(.init(accounts: [.administrator(token: "admin")]), clock: ContinuousClock())
    let (ports, given) = AsyncStream<Int>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await fake.run(host: "127.0.0.1", port: 0, logger: quiet) { given.yield($0) } }
        defer { tasks.cancelAll() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let client = try KubernetesClient(
            KubernetesConfiguration(
                server: "http://127.0.0.1:\(port)", authentication: .token(Secret("admin")), namespace: "proxysql"),
            options: .init(timeout: .seconds(20), backoff: .init(first: .milliseconds(1), limit: .milliseconds(10))))
        _ = try await client.create(Namespace(name: "proxysql"))
        do {
            try await body(client, fake)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }
}

func shopConfiguration(password: String = "it's") throws -> FleetConfiguration {
    let group = try InstanceName("shop")
    return FleetConfiguration(
        group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
        content: (
            [
                BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary),
                BackendServer(name: "shop-r", address: "10.0.0.2", hostgroup: 10, origin: .configured),
            ], [ProxyUser(username: "app", password: Secret(password), defaultHostgroup: 5)],
            QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
        ))
}

/// Agents that say what a test wants them to.
final class AgentsDouble: AgentReading {
    struct Silent: Error {}
    /// What older agents say, by address.
    let generations = Mutex<[String: Int64]>([:])
    /// What agents say, by address.
    let holds = Mutex<[String: [HeldConfiguration]]>([:])
    let files = Mutex<[String: Set<String>]>([:])
    /// What each sees in its node's connection pool beside the group's own.
    let others = Mutex<[BackendObservation]>([])

    func report(from address: String, port: Int) async throws -> AgentReport {
        let (generation, held) = (generations.withLock { $0[address] }, holds.withLock { $0[address] })
        guard generation != nil || held != nil else { throw Silent() }
        return AgentReport(
            generation: generation, holds: held,
            backends: [
                BackendObservation(
                    hostgroup: 10, address: "10.0.0.2", port: 3306, status: "ONLINE", connectionsInUse: 4)
            ] + others.withLock { $0 }, tlsFiles: files.withLock { $0[address] })
    }
}

/// A pod that runs; as with the real server, its status is not taken from its creation.
func addPod(_ name: String, _ address: String, _ client: KubernetesClient) async throws {
    _ = try await client.create(
        Pod.self,
        [
            "metadata": ["name": .string(name), "labels": ["app": "proxysql"]],
            "spec": ["containers": [["name": "proxysql", "image": "proxysql"]]],
        ])
    _ = try await client.patch(
        Pod.self, name, ["status": ["phase": "Running", "podIP": .string(address)]], subresource: .status)
}

@Suite("Publishing in a cluster")
struct KubernetesFleetTests {
    @Test("one Secret is changed in place, and it is complete when every pod's agent reports the generation")
    func secret() async throws {
        try await withKubernetes { client, fake in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(
                client: client, agents: agents,
                settings: .init(baseFile: "datadir=\"/var/lib/proxysql\"\n"), logger: quiet)
            var wanted = try shopConfiguration()
            let none = await fleet.publish(wanted)
            #expect(!none.isComplete, "without a pod nothing runs it")
            try await addPod("core-0", "10.1.0.1", client)
            try await addPod("satellite-0", "10.1.0.2", client)
            agents.generations.withLock { $0 = ["10.1.0.1": 1] }
            let half = await fleet.publish(wanted)
            #expect(half.nodes.map(\.condition) == [.current, .unknown])
            #expect(!half.isComplete)
            agents.generations.withLock { $0 = ["10.1.0.1": 1, "10.1.0.2": 1] }
            let whole = await fleet.publish(wanted)
            #expect(whole.isComplete)
            #expect(whole.connectionsInUse(address: "10.0.0.2", port: 3306) == 8)
            let stored = try await client.get(SecretResource.self, "fleet-shop")
            let version = stored.metadata.resourceVersion
            let json = try #require(stored.text("fleet.json")?.reveal())
            let document = try JSONDecoder().decode(FleetConfiguration.self, from: Data(json.utf8))
            #expect(document == wanted)
            let file = try #require(stored.text("proxysql.cnf")?.reveal())
            #expect(file.contains("datadir=\"/var/lib/proxysql\"") && file.contains("10.0.0.2"))
            wanted.generation = 2
            wanted.servers.removeLast()
            let next = await fleet.publish(wanted)
            #expect(next.nodes.map(\.condition) == [.behind, .behind])
            let changed = try await client.get(SecretResource.self, "fleet-shop")
            #expect(changed.metadata.uid == stored.metadata.uid && changed.metadata.resourceVersion != version)
            let again = await fleet.publish(wanted)
            #expect(!again.isComplete)
            let same = try await client.get(SecretResource.self, "fleet-shop")
            #expect(same.metadata.resourceVersion == changed.metadata.resourceVersion, "nothing is written twice")
        }
    }

    @Test("a server of somebody else that an agent sees among the group's own is told of, and holds nothing up")
    func foreignServer() async throws {
        try await withKubernetes { client, _ in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            var wanted = try shopConfiguration()
            try await addPod("core-0", "10.1.0.1", client)
            _ = await fleet.publish(wanted)
            agents.generations.withLock { $0 = ["10.1.0.1": 1] }
            #expect(await fleet.publish(wanted).nodes.map(\.rowsOfOthers) == [[]])
            func seen(_ address: String, _ hostgroup: Int, _ status: String) -> BackendObservation {
                BackendObservation(
                    hostgroup: hostgroup, address: address, port: 3_306, status: status, connectionsInUse: 1)
            }
            agents.others.withLock {
                $0 = [
                    seen("10.66.0.1", 10, "ONLINE"), seen("10.66.0.2", 10, "OFFLINE_HARD"),
                    seen("10.66.0.3", 77, "ONLINE"),
                    seen("10.0.0.1", 10, "ONLINE"),
                ]
            }
            let publication = await fleet.publish(wanted)
            let row = RowName(table: "mysql_servers", key: ["10", "10.66.0.1", "3306"])
            #expect(publication.isComplete)
            #expect(publication.nodes.map(\.rowsOfOthers) == [[ForeignRow(row: row, owner: nil)]])
            wanted.adoption = Adoption([row])
            wanted.generation = 2
            _ = await fleet.publish(wanted)
            agents.generations.withLock { $0 = ["10.1.0.1": 2] }
            #expect(await fleet.publish(wanted).nodes.map(\.rowsOfOthers) == [[]])
        }
    }

    @Test("files that verify backends come to every node before the configuration that names them, and go after it")
    func trust() async throws {
        try await withKubernetes { client, fake in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            try await addPod("satellite-0", "10.1.0.2", client)
            var wanted = try shopConfiguration()
            _ = await fleet.publish(wanted)
            agents.generations.withLock { $0 = ["10.1.0.1": 1, "10.1.0.2": 1] }
            #expect(await fleet.publish(wanted).isComplete)
            wanted.generation = 2
            wanted.tls = wanted.servers.map { BackendTLS(address: $0.address, port: $0.port, authorities: "CA") }
            let names = Set(TLSFile.all(of: wanted).map(\.name))
            let old = await fleet.publish(wanted)
            #expect(old.nodes.allSatisfy { $0.detail?.contains("upgrade") == true })
            agents.files.withLock { $0 = ["10.1.0.1": names, "10.1.0.2": []] }
            let waiting = await fleet.publish(wanted)
            #expect(waiting.nodes.map(\.node) == ["satellite-0"])
            var stored = try await client.get(SecretResource.self, "fleet-shop")
            #expect(names.isSubset(of: Set((stored.data ?? [:]).keys)))
            #expect(stored.text("fleet.json")?.reveal().contains("\"generation\":1") == true)
            agents.files.withLock { $0["10.1.0.2"] = names }
            let published = await fleet.publish(wanted)
            #expect(published.nodes.map(\.condition) == [.behind, .behind])
            stored = try await client.get(SecretResource.self, "fleet-shop")
            #expect(stored.text("fleet.json")?.reveal().contains("\"generation\":2") == true)
            #expect(stored.text("proxysql.cnf")?.reveal().contains("mysql_servers_ssl_params") == true)
            agents.generations.withLock { $0 = ["10.1.0.1": 2, "10.1.0.2": 2] }
            #expect(await fleet.publish(wanted).isComplete)
            wanted.generation = 3
            wanted.tls = nil
            _ = await fleet.publish(wanted)
            stored = try await client.get(SecretResource.self, "fleet-shop")
            #expect(Set((stored.data ?? [:]).keys) == ["fleet.json", "proxysql.cnf"])
        }
    }

    @Test("a group that is removed leaves empty nodes, and then no Secret")
    func withdraw() async throws {
        try await withKubernetes { client, fake in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            let wanted = try shopConfiguration()
            _ = await fleet.publish(wanted)
            agents.generations.withLock { $0 = ["10.1.0.1": 1] }
            let first = await fleet.withdraw(wanted)
            #expect(!first.isComplete)
            let text = try await client.get(SecretResource.self, "fleet-shop").text("fleet.json")?.reveal()
            #expect(text?.contains("10.0.0.2") == false)
            agents.generations.withLock { $0 = ["10.1.0.1": 2] }
            let second = await fleet.withdraw(wanted)
            #expect(second.isComplete)
            let error = await #expect(throws: KubernetesError.self) {
                _ = try await client.get(SecretResource.self, "fleet-shop")
            }
            #expect(error?.code == .notFound)
            let third = await fleet.withdraw(wanted)
            #expect(third.isComplete, "a repetition is no error")
        }
    }

    @Test("Chester's ConfigMap is changed in place, its Deployment rolled once, and waited for")
    func rollout() async throws {
        try await withKubernetes { client, fake in
            let labels = ["instancegroup": "shop"]
            let fleet = RolloutFleet(client: client, settings: .init(), logger: quiet)
            let wanted = try shopConfiguration()
            let missing = await fleet.publish(wanted)
            #expect(missing.nodes.first?.detail?.contains("instancegroup=shop") == true)
            let made = try await client.create(
                ConfigMap(
                    name: "shop-config", labels: labels,
                    data: ["proxysql.cnf": "# ours\nmysql_servers=()\nthreads=4\n", "other": "kept"]))
            _ = try await client.create(
                Deployment.self,
                [
                    "metadata": ["name": "shop-proxysql", "labels": .texts(labels)],
                    "spec": ["replicas": 2, "template": ["metadata": ["labels": ["a": "b"]]]],
                ])
            let begun = await fleet.publish(wanted)
            #expect(begun.nodes.map(\.condition) == [.behind])
            let map = try await client.get(ConfigMap.self, "shop-config")
            #expect(map.metadata.uid == made.metadata.uid)
            #expect(map.data?["other"] == "kept")
            #expect(map.data?["proxysql.cnf"]?.contains("# ours\n") == true)
            #expect(map.data?["proxysql.cnf"]?.contains("10.0.0.2") == true)
            let deployment = try await client.get(Deployment.self, "shop-proxysql")
            #expect(deployment.metadata.annotations?["drover.dev/generation"] == "1")
            let generation = try #require(deployment.metadata.generation)
            _ = await fleet.publish(wanted)
            let untouched = try await client.get(Deployment.self, "shop-proxysql")
            #expect(untouched.metadata.generation == generation, "it is rolled once")
            _ = try await client.patch(
                Deployment.self, "shop-proxysql",
                [
                    "status": [
                        "observedGeneration": .integer(generation), "replicas": 2, "updatedReplicas": 2,
                        "readyReplicas": 2, "availableReplicas": 2,
                    ]
                ], subresource: .status)
            let done = await fleet.publish(wanted)
            #expect(done.isComplete)
        }
    }

    @Test("a rehearsal of a rollout says what would change, and only reads")
    func rehearsal() async throws {
        try await withKubernetes { client, fake in
            let labels = ["instancegroup": "shop"]
            let fleet = RolloutFleet(client: client, settings: .init(), logger: quiet)
            let wanted = try shopConfiguration()
            let missing = await fleet.rehearse(wanted)
            #expect(missing.first?.problem?.contains("proxysql.cnf") == true)
            _ = try await client.create(
                ConfigMap(name: "shop-config", labels: labels, data: ["proxysql.cnf": "mysql_servers=()\n"]))
            _ = try await client.create(
                Deployment.self,
                [
                    "metadata": ["name": "shop-proxysql", "labels": .texts(labels)],
                    "spec": ["replicas": 2, "template": ["metadata": ["labels": ["a": "b"]]]],
                ])
            let before = fake.calls.count
            let targets = await fleet.rehearse(wanted)
            #expect(targets.map(\.name) == ["configmap/shop-config", "deployment/shop-proxysql"])
            #expect(targets.allSatisfy { $0.problem == nil && $0.notes.count == 1 })
            let verbs = Set(fake.calls.dropFirst(before).map(\.verb))
            #expect(verbs == ["list"])
        }
    }
}
