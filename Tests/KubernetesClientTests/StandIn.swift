import FakeKubernetes
import FleetModel
import KubernetesClient
import Logging
import Pacing
import Testing

/// The stand-in on a free port of loopback, and clients that talk to it.
struct StandIn: Sendable {
    let fake: FakeKubernetes
    let url: String

    static func run(
        _ configuration: FakeKubernetes.Configuration = .init(
            accounts: [
                .administrator(token: "admin"), Account(token: "viewer", user: "viewer", rules: []),
                .podReader(
                    token: "reader", user: "system:serviceaccount:default:proxysql", namespace: "default"),
            ]),
        clock: any Clock<Duration> = ContinuousClock(), _ body: @Sendable (StandIn) async throws -> Void
    ) async throws {
        let fake = FakeKubernetes(configuration, clock: clock)
        let (ports, given) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await fake.run(host: "127.0.0.1", port: 0, logger: Contract.quiet) { given.yield($0) }
            }
            defer { tasks.cancelAll() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            try await body(StandIn(fake: fake, url: "http://127.0.0.1:\(port)"))
        }
    }

    func client(
        _ token: String = "admin", namespace: String = "default", clock: any Clock<Duration> = ContinuousClock(),
        options: KubernetesClient.Options = .init(
            timeout: .seconds(5), backoff: .init(first: .milliseconds(1), limit: .milliseconds(10)))
    ) throws -> KubernetesClient {
        try KubernetesClient(
            KubernetesConfiguration(server: url, authentication: .token(Secret(token)), namespace: namespace),
            options: options, clock: clock)
    }

    /// Runs `body` with a client and closes it.
    func withClient(
        _ token: String = "admin", clock: any Clock<Duration> = ContinuousClock(),
        _ body: @Sendable (KubernetesClient) async throws -> Void
    ) async throws {
        let client = try client(token, clock: clock)
        do {
            try await body(client)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }
}
