import FleetModel
import KubernetesClient
import Pacing
import TestSupport
import Testing

@testable import Agent

@Suite("The cores as their pods show them", .timeLimit(.minutes(2)))
struct KubernetesCoresTests {
    private func cores(_ client: KubernetesClient) -> KubernetesCores {
        KubernetesCores(
            client,
            place: .init(
                namespace: Cluster.namespace, app: "proxysql", component: "core", adminPort: 6_032, apiPort: 8_080),
            change: Wakeup(), logger: quiet)
    }

    private func wait(_ isEnough: () -> Bool) async throws {
        for _ in 0..<500 where !isEnough() { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test("Members that were changed one at a time are those that a fresh look finds", arguments: [1, 2, 3])
    func oneByOne(seed: UInt64) async throws {
        try await Cluster.run(isPodReader: true) { cluster in
            var random = SeededGenerator(seed: seed)
            let client = try KubernetesClient(try .standard(environment: cluster.environment))
            let old = cores(client)
            let fresh = cores(client)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await old.run() }
                try await wait { old.members != nil }
                var present: Set<Int> = []
                for _ in 0..<30 {
                    let index = Int.random(in: 0..<8, using: &random)
                    if present.remove(index) != nil {
                        try await cluster.delete("core-\(index)")
                    } else {
                        present.insert(index)
                        try await cluster.pod(
                            "core-\(index)", ip: "127.0.4.\(index + 1)", template: random.isOnce(in: 3) ? "t2" : "t1",
                            ready: random.isOnce(in: 2))
                    }
                    // Whoever looks makes the members that the next change is then made in.
                    try await wait { old.members?.count == present.count }
                }
                tasks.addTask { try await fresh.run() }
                try await wait { fresh.members?.count == present.count && old.members == fresh.members }
                #expect(old.members == fresh.members)
                #expect(old.members?.map(\.name) == present.sorted().map { "core-\($0)" })
                tasks.cancelAll()
            }
            await client.shutdown()
        }
    }
}
