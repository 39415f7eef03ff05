import FleetModel
import Testing

@testable import Agent

@Suite("What probes answer")
struct NodeHealthTests {
    private let now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)

    private func health(_ backends: [NodeObservation.Backends] = []) -> NodeHealth {
        var health = NodeHealth(at: now)
        health.observation = NodeObservation(at: now, backends: backends, clients: 3)
        return health
    }

    private func backends(_ online: Int, _ shunned: Int) -> [NodeObservation.Backends] {
        [
            .init(hostgroup: 1, status: "ONLINE", count: online),
            .init(hostgroup: 2, status: "SHUNNED", count: shunned),
        ]
    }

    @Test("Only a probe's first success and what differs from before is news")
    func news() {
        let answers = ProbeAnswers()
        let seen = [false, true, true, false, false, true].map { answers.isNew($0, of: .ready) }
        #expect(seen == [false, true, false, true, false, true])
        #expect(answers.isNew(true, of: .live))
    }

    @Test("As the Go agent's: backends are told and change no verdict", arguments: [(2, 0), (1, 1), (0, 2)])
    func compatible(online: Int, shunned: Int) {
        let health = health(backends(online, shunned))
        let ready = HealthPolicy().answer(.ready, health, at: now)
        #expect(ready.passes && ready.status == "ok")
        let words = ["all backends online", "some backends offline", "all backends offline"]
        #expect(ready.message == words[shunned])
        #expect(HealthPolicy().answer(.live, health, at: now).passes)
    }

    @Test("Required hostgroups need an ONLINE backend, for readiness only")
    func required() {
        let policy = HealthPolicy(requiredHostgroups: [1, 2])
        let health = health(backends(1, 1))
        let ready = policy.answer(.ready, health, at: now)
        #expect(!ready.passes)
        #expect(ready.message.contains("hostgroup 2"))
        #expect(policy.answer(.live, health, at: now).passes)
    }

    @Test("Draining: unready and live")
    func draining() {
        var health = health(backends(1, 0))
        health.draining = .draining
        let ready = HealthPolicy().answer(.ready, health, at: now)
        #expect(!ready.passes && ready.status == "draining" && ready.message == "draining traffic")
        health.draining = .shuttingDown
        health.failures = 100
        let live = HealthPolicy().answer(.live, health, at: now)
        #expect(live.passes && live.message == "shutting down")
    }

    @Test("A paused listener is unready and live")
    func paused() {
        var health = health()
        health.observation?.isPaused = true
        #expect(!HealthPolicy().answer(.ready, health, at: now).passes)
        #expect(HealthPolicy().answer(.live, health, at: now).passes)
    }

    @Test("An interface that hangs fails after the tries, not before, and says since when")
    func hangs() {
        let policy = HealthPolicy(timeout: .seconds(5), tries: 3)
        let health = health(backends(1, 0))
        #expect(policy.answer(.live, health, at: now.advanced(by: .seconds(14))).passes)
        let verdict = policy.answer(.live, health, at: now.advanced(by: .seconds(16)))
        #expect(!verdict.passes)
        #expect(verdict.message.contains("16 s ago"))
    }

    @Test("A refused connection fails after the tries")
    func refused() {
        var health = health()
        health.failures = 2
        health.problem = "refused"
        #expect(HealthPolicy().answer(.ready, health, at: now).passes)
        health.failures = 3
        #expect(!HealthPolicy().answer(.ready, health, at: now).passes)
        #expect(!HealthPolicy().answer(.started, health, at: now).passes)
    }

    @Test("A satellite has started once it was given a configuration, and never un-starts")
    func started() {
        let policy = HealthPolicy(requiresConfiguration: true)
        var health = health()
        #expect(!policy.answer(.started, health, at: now).passes)
        health.observation?.stamps = [.init(module: "mysql_servers", version: 2, epoch: 1, checksum: "0xAB")]
        #expect(policy.answer(.started, health, at: now).passes)
        health.hasStarted = true
        health.observation?.stamps = []
        #expect(policy.answer(.started, health, at: now).passes)
    }

    @Test("A satellite that has servers and waits for the cores' users has not started, but it does not wait for ever")
    func arrival() {
        let policy = HealthPolicy(requiresConfiguration: true)
        var health = health()
        health.observation?.stamps = [.init(module: "mysql_servers", version: 2, epoch: 1, checksum: "0xAB")]
        health.observation?.awaited = ["mysql_users"]
        health.observation?.uptimeSeconds = 5
        #expect(!policy.answer(.started, health, at: now).passes)
        #expect(policy.answer(.started, health, at: now).message.contains("mysql_users"))
        let later = now.advanced(by: .seconds(26))
        health.dataPlane.probed(.answered, at: later)
        // Nor for an admin interface that says nothing more.
        #expect(!policy.answer(.ready, health, at: later).message.contains("mysql_users"))
        health.observation?.uptimeSeconds = 31
        #expect(policy.answer(.started, health, at: now).passes)
        health.observation?.uptimeSeconds = 5
        health.observation?.awaited = []
        #expect(policy.answer(.started, health, at: now).passes)
    }

    @Test("The false alarm of long check intervals is gone; a silent core is missed")
    func absence() {
        let rows = [
            CoreAbsence.Metrics(host: "proxysql-core", port: 6032, lastCheck: 99_000_000, uptime: 5),
            .init(host: "10.0.0.1", port: 6032, lastCheck: 31_000, uptime: 100),
            .init(host: "10.0.0.2", port: 6032, lastCheck: 91_000, uptime: 100),
            .init(host: "10.0.0.3", port: 6032, lastCheck: 91_000, uptime: 0),
        ]
        let usual = CoreAbsence(interval: 1_000, frequency: 10, bootstrapHost: "proxysql-core")
        #expect(usual.missing(rows).map(\.host) == ["10.0.0.1", "10.0.0.2"])
        let long = CoreAbsence(interval: 300, frequency: 100, bootstrapHost: "proxysql-core")
        #expect(long.missing(rows).map(\.host) == ["10.0.0.2"])
    }
}
