import FakeKubernetes
import FleetModel
import Foundation
import JSONValues
import KubernetesClient
import Logging
import Pacing
import Persistence
import ProxySQLAdmin
import Scaler
import Synchronization
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Keeps events.
private final class EventsDouble: EventLog {
    let kept = Mutex<[FleetEvent]>([])

    func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent] {
        kept.withLock { $0 += events }
        return events
    }

    func events(after id: Int64, group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] { [] }
    func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] { [] }
}

/// A scaler's store with the events that it tells, and a fleet whose records go on above what nodes know.
private struct Installation {
    let store: EventfulStore
    let events = EventsDouble()
    let fleet: RaisingFleet

    init(_ base: some ProxyFleet, folder: String) throws {
        let kept = try SQLiteStore(directory: StateDirectory(path: folder))
        let time = TestWallClock()
        store = EventfulStore(
            groups: kept, incidents: kept, log: events, sinks: [], surroundings: (time, quiet))
        fleet = RaisingFleet(base, groups: store, fence: nil, wallClock: time, logger: quiet)
    }

    /// Stores `configuration` as a group's.
    func register(_ configuration: FleetConfiguration) async throws {
        try await store.insert(
            GroupRecord(
                configuration: configuration, policy: ScalingPolicy(maximumReplicas: 2),
                primaryInstance: configuration.group))
    }

    func configuration() async throws -> FleetConfiguration {
        try #require(try await store.group(try InstanceName("shop"))).document.configuration
    }

    /// What a scaler's round does.
    func publish() async throws -> Publication { await fleet.publish(try await configuration()) }
}

private func withFolder(_ body: (String) async throws -> Void) async throws {
    let path = NSTemporaryDirectory() + "drover-content-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(path)
}

@Suite("A node is known by the content that it holds", .timeLimit(.minutes(2)))
struct ContentTests {
    /// What the agents of nodes that follow the Secret report.
    private func published(_ client: KubernetesClient) async throws -> HeldConfiguration {
        let text = try #require(try await client.get(SecretResource.self, "fleet-shop").text("fleet.json")?.reveal())
        return try JSONDecoder().decode(PublishedConfiguration.self, from: Data(text.utf8)).held
    }

    @Test("only the very generation with the very content is complete")
    func equal() async throws {
        try await withKubernetes { client, _ in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            var wanted = try shopConfiguration()
            wanted.generation = 41
            _ = await fleet.publish(wanted)
            let held = try await published(client)
            #expect(held.generation == 41 && held.content?.count == 32)
            for (generation, content) in [(40, held.content), (41, nil), (41, "another")] {
                agents.holds.withLock {
                    $0["10.1.0.1"] = [
                        HeldConfiguration(group: wanted.group, generation: Int64(generation), content: content)
                    ]
                }
                let publication = await fleet.publish(wanted)
                #expect(publication.nodes.map(\.condition) == [.behind])
                #expect(publication.connectionsInUse(address: "10.0.0.2", port: 3306) == nil)
                #expect(publication.newer == nil)
            }
            agents.holds.withLock { $0["10.1.0.1"] = [] }
            #expect(await fleet.publish(wanted).nodes.map(\.condition) == [.behind])
            agents.holds.withLock { $0["10.1.0.1"] = [held] }
            let complete = await fleet.publish(wanted)
            #expect(complete.isComplete && complete.nodes.first?.holds == held)
            // The key stays with the Secret, or every write would change the digest of what stays the same.
            wanted.generation = 42
            _ = await fleet.publish(wanted)
            #expect(try await published(client).content == held.content)
        }
    }

    @Test("an agent that tells no content is believed its generation only where that is equal")
    func older() async throws {
        try await withKubernetes { client, _ in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            var wanted = try shopConfiguration()
            wanted.generation = 41
            _ = await fleet.publish(wanted)
            agents.generations.withLock { $0["10.1.0.1"] = 41 }
            #expect(await fleet.publish(wanted).isComplete)
            agents.generations.withLock { $0["10.1.0.1"] = 57 }
            let publication = await fleet.publish(wanted)
            #expect(!publication.isComplete)
            #expect(publication.newer == NewerGeneration(generation: 57, place: "core-0"))
        }
    }

    @Test(
        "a restored store goes on above what the nodes hold, says so once, and a drain is not over before they follow")
    func restored() async throws {
        try await withKubernetes { client, _ in
            try await withFolder { folder in
                let agents = AgentsDouble()
                let base = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
                try await addPod("core-0", "10.1.0.1", client)
                var ahead = try shopConfiguration()
                ahead.generation = 57
                _ = await base.publish(ahead)
                let running = try await published(client)
                agents.holds.withLock { $0["10.1.0.1"] = [running] }
                // The record of a backup, in which the replica has just begun to drain.
                var restored = try shopConfiguration(password: "of then")
                restored.generation = 40
                restored.servers[1].status = .offlineSoft
                let installation = try Installation(base, folder: folder)
                try await installation.register(restored)
                let first = try await installation.publish()
                #expect(!first.isComplete && first.connectionsInUse(address: "10.0.0.2", port: 3306) == nil)
                #expect(try await published(client) == running, "nothing is published below what nodes know")
                #expect(try await installation.configuration().generation == 58)
                let second = try await installation.publish()
                #expect(!second.isComplete)
                let wanted = try await published(client)
                #expect(wanted.generation == 58 && wanted.content != running.content)
                agents.holds.withLock { $0["10.1.0.1"] = [wanted] }
                let third = try await installation.publish()
                #expect(third.isComplete && third.connectionsInUse(address: "10.0.0.2", port: 3306) == 4)
                #expect(try await installation.configuration().generation == 58)
                let told = installation.events.kept.withLock { $0.filter { $0.kind == .generationRaised } }
                #expect(told.map(\.severity) == [.warning])
                #expect(told.first?.sentence.contains("secret/fleet-shop has 57") == true)
            }
        }
    }

    @Test("a restored store that has counted up to the same generation has other content, and goes on above it")
    func sameNumber() async throws {
        try await withKubernetes { client, _ in
            try await withFolder { folder in
                let base = KubernetesFleet(client: client, agents: AgentsDouble(), settings: .init(), logger: quiet)
                var ahead = try shopConfiguration()
                ahead.generation = 57
                _ = await base.publish(ahead)
                let running = try await published(client)
                var counted = try shopConfiguration(password: "another")
                counted.generation = 57
                let installation = try Installation(base, folder: folder)
                try await installation.register(counted)
                _ = try await installation.publish()
                #expect(try await published(client) == running)
                #expect(try await installation.configuration().generation == 58)
                _ = try await installation.publish()
                #expect(try await published(client).generation == 58)
            }
        }
    }

    @Test("a group that is registered again under its old name begins above what its nodes remember")
    func again() async throws {
        try await withKubernetes { client, _ in
            try await withFolder { folder in
                let agents = AgentsDouble()
                let base = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
                try await addPod("core-0", "10.1.0.1", client)
                var former = try shopConfiguration()
                former.generation = 4
                _ = await base.publish(former)
                #expect(await !base.withdraw(former).isComplete)
                agents.holds.withLock { $0["10.1.0.1"] = [] }
                #expect(await !base.withdraw(former).isComplete)
                let empty = try await published(client)
                #expect(empty.generation == 5)
                agents.holds.withLock { $0["10.1.0.1"] = [empty] }
                #expect(await base.withdraw(former).isComplete)
                #expect(await base.withdraw(former).isComplete, "a repetition is no error")
                for first in [Int64(3), 5] {
                    var new = try shopConfiguration(password: "new")
                    new.generation = first
                    let installation = try Installation(base, folder: "\(folder)-\(first)")
                    defer { try? FileManager.default.removeItem(atPath: "\(folder)-\(first)") }
                    try await installation.register(new)
                    #expect(try await !installation.publish().isComplete)
                    #expect(try await installation.configuration().generation == 6)
                }
            }
        }
    }

    @Test("a Secret that somebody deleted does not make a removal complete while nodes hold the group")
    func deleted() async throws {
        try await withKubernetes { client, _ in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            let wanted = try shopConfiguration()
            _ = await fleet.publish(wanted)
            let held = try await published(client)
            agents.holds.withLock { $0["10.1.0.1"] = [held] }
            try await client.delete(SecretResource.self, "fleet-shop")
            #expect(await !fleet.withdraw(wanted).isComplete)
            let empty = try await published(client)
            agents.holds.withLock { $0["10.1.0.1"] = [empty] }
            #expect(await fleet.withdraw(wanted).isComplete)
        }
    }

    @Test("numbers that no generation can be raise nothing")
    func bounds() async throws {
        try await withKubernetes { client, _ in
            let agents = AgentsDouble()
            let fleet = KubernetesFleet(client: client, agents: agents, settings: .init(), logger: quiet)
            try await addPod("core-0", "10.1.0.1", client)
            let wanted = try shopConfiguration()
            for generation in [Int64.max, .min, -1, FleetConfiguration.greatestGeneration + 1] {
                agents.generations.withLock { $0["10.1.0.1"] = generation }
                let publication = await fleet.publish(wanted)
                #expect(publication.newer == nil && !publication.isComplete)
            }
            var record = GroupRecord(
                configuration: wanted, policy: ScalingPolicy(maximumReplicas: 2), primaryInstance: wanted.group)
            record.raiseGeneration(
                above: NewerGeneration(generation: .max, place: "somewhere"), at: TestWallClock().now())
            #expect(record.configuration.generation == 1 && record.generationRaise == nil)
        }
    }
}

@Suite("A rollout is known by the file that its pods were made with", .timeLimit(.minutes(2)))
struct RolloutContentTests {
    private let labels = ["instancegroup": "shop"]

    private func roll(_ client: KubernetesClient) async throws {
        let deployment = try await client.get(Deployment.self, "shop-proxysql")
        let generation = try #require(deployment.metadata.generation)
        _ = try await client.patch(
            Deployment.self, "shop-proxysql",
            [
                "status": [
                    "observedGeneration": .integer(generation), "replicas": 2, "updatedReplicas": 2,
                    "readyReplicas": 2, "availableReplicas": 2,
                ]
            ], subresource: .status)
    }

    private func make(_ client: KubernetesClient, annotations: JSONValue = [:]) async throws {
        _ = try await client.create(
            Deployment.self,
            [
                "metadata": ["name": "shop-proxysql", "labels": .texts(labels), "annotations": annotations],
                "spec": [
                    "replicas": 2,
                    "template": ["metadata": ["labels": ["a": "b"], "annotations": annotations]],
                ],
            ])
    }

    @Test("a file that somebody edited is written back, and the pods are replaced although the generation is the same")
    func edited() async throws {
        try await withKubernetes { client, _ in
            let fleet = RolloutFleet(client: client, settings: .init(), logger: quiet)
            let wanted = try shopConfiguration()
            _ = try await client.create(
                ConfigMap(name: "shop-config", labels: labels, data: ["proxysql.cnf": "threads=4\n"]))
            try await make(client)
            _ = await fleet.publish(wanted)
            try await roll(client)
            #expect(await fleet.publish(wanted).isComplete)
            let before = try #require(try await client.get(ConfigMap.self, "shop-config").data?["proxysql.cnf"])
            _ = try await client.patch(
                ConfigMap.self, "shop-config",
                ["data": ["proxysql.cnf": .string(before.replacing("10.0.0.2", with: "10.9.9.9"))]])
            let writtenBack = await fleet.publish(wanted)
            #expect(!writtenBack.isComplete)
            #expect(try await client.get(ConfigMap.self, "shop-config").data?["proxysql.cnf"] == before)
            #expect(await !fleet.publish(wanted).isComplete, "pods that started in between run the edited file")
            try await roll(client)
            #expect(await fleet.publish(wanted).isComplete)
        }
    }

    @Test("what an earlier version rolled is not rolled again, and a greater generation is gone above")
    func earlierVersion() async throws {
        try await withKubernetes { client, _ in
            let fleet = RolloutFleet(client: client, settings: .init(), logger: quiet)
            var wanted = try shopConfiguration()
            wanted.generation = 9
            let file = try CnfRenderer(wanted).rendered(over: "threads=4\n")
            _ = try await client.create(ConfigMap(name: "shop-config", labels: labels, data: ["proxysql.cnf": file]))
            try await make(client, annotations: ["drover.dev/generation": "9"])
            try await roll(client)
            #expect(await fleet.publish(wanted).isComplete)
            var restored = wanted
            restored.generation = 7
            restored.servers.removeLast()
            let older = await fleet.publish(restored)
            #expect(older.newer == NewerGeneration(generation: 9, place: "deployment/shop-proxysql"))
            #expect(try await client.get(ConfigMap.self, "shop-config").data?["proxysql.cnf"] == file)
        }
    }
}
