import FakeGoogle
import FleetModel
import JSONValues
import KubernetesClient
package import Logging
import NIOHTTP1
import Pacing

/// The story `agents`: a ProxySQL cluster that heals itself on Kubernetes.
///
/// Nothing is believed because an agent says so: membership and rules are read back from each node's runtime tables,
/// readiness and leadership from the API server.
package struct AgentsStory: Sendable {
    let cluster: PodCluster
    let narrator: Narrator
    let admin: FleetReader
    let http: JSONClient
    let logger: Logger

    /// Makes the story of one cluster.
    package init(cluster: PodCluster, narrator: Narrator, logger: Logger) {
        self.cluster = cluster
        self.narrator = narrator
        var quiet = logger
        quiet.logLevel = .critical
        self.logger = quiet
        admin = FleetReader(nodes: [], logger: quiet)
        http = JSONClient(clock: cluster.clock)
    }

    /// Plays the story.
    /// - Throws: `SandboxError` when something that had to come did not.
    package func play() async throws {
        do {
            try await form()
            try await loseCore()
            try await resync()
            try await rollOut()
            try await drainSatellite()
            try await wedge()
            try await killLeader()
        } catch {
            if !Task.isCancelled { await tellEvidence() }
            throw error
        }
    }

    // MARK: Scenes

    private func form() async throws {
        let (cores, satellites) = (cluster.options.cores, cluster.options.satellites)
        try await cluster.client.create(CoreFile(version: 1).configMap("proxysql-1"))
        // Satellites mount no tables: what they run comes from the cores.
        try await cluster.client.create(ConfigMap(name: "proxysql-satellite", data: [:]))
        try await cluster.deploy("core", replicas: cores, configMap: "proxysql-1", minimumReadySeconds: 3)
        try await cluster.deploy("satellite", replicas: satellites, configMap: "proxysql-satellite")
        narrator.tell(
            "deployed", "\(cores) cores and \(satellites) satellites are deployed; each knows one row, the Service")
        try await until("all \(cores + satellites) pods are Ready", seconds: 60) {
            let ready = (try await cluster.pods("core").count, try await cluster.pods("satellite").count)
            return ready == (cores, satellites)
        }
        try await checkMembers(seconds: 60)
        try await checkRule(CoreFile(version: 1), seconds: 60)
        try await until("one core holds the Lease", seconds: 30) { try await leader() != nil }
        let name = try await leader() ?? ""
        let others = try await acting().filter { $0 != name }
        narrator.check(others.isEmpty, "\(name) acts for the cores, and says so; no other agent does")
    }

    private func loseCore() async throws {
        let before = Set(try await cluster.pods("core").map(\.metadata.name))
        guard let victim = before.min() else { throw SandboxError("there is no core to delete") }
        try await cluster.client.delete(Pod.self, victim, gracePeriodSeconds: 20)
        narrator.tell("deleted", "core \(victim) is deleted")
        try await until("another core took its place and is Ready", seconds: 60) {
            let now = Set(try await cluster.pods("core").map(\.metadata.name))
            return now.count == before.count && !now.contains(victim)
        }
        try await checkMembers(seconds: 30)
        try await checkRule(CoreFile(version: 1), seconds: 30)
    }

    private func resync() async throws {
        guard
            let process = cluster.runner.running.values.filter({ $0.role == "satellite" }).min(by: { $0.name < $1.name }
            )
        else { return }
        let (status, answer) = try await http.exchange(
            .POST, "\(process.agentURL)/v1/resync", token: PodProcess.agentToken)
        narrator.check(
            status == 200, "satellite \(process.name) is told to learn the cores anew",
            ["message": answer[at: "message"]])
        try await checkMembers(seconds: 30)
    }

    private func rollOut() async throws {
        let before = Set(try await cluster.pods("core").map(\.metadata.name))
        try await cluster.client.create(CoreFile(version: 2).configMap("proxysql-2"))
        try await cluster.mount("proxysql-2", on: "core")
        narrator.tell(
            "rollout", "the cores get a new configuration, one core after the other; old and new are together")
        let reverted = try await watchRollout(before)
        narrator.check(reverted.isEmpty, "no node that ran the new rule ever went back", ["nodes": .array(reverted)])
        let now = Set(try await cluster.pods("core").map(\.metadata.name))
        narrator.check(now.isDisjoint(with: before), "every core is another pod")
        try await checkMembers(seconds: 30)
        try await checkRule(CoreFile(version: 2), seconds: 30)
    }

    /// Begins the rollout and waits for its end; the nodes that went back from the new rule to the old one.
    private func watchRollout(_ before: Set<String>) async throws -> [JSONValue] {
        var hadNew: Set<String> = []
        var reverted: Set<String> = []
        var isDeleted = false
        var old: Set<String> = []
        for node in nodes() { if let checksum = try await rulesChecksum(node) { old.insert(checksum) } }
        try await cluster.mount("proxysql-2", on: "core")
        let end = cluster.wallClock.now().advanced(by: .seconds(180))
        while cluster.wallClock.now() < end {
            for node in nodes() {
                guard let checksum = try? await rulesChecksum(node) else { continue }
                if !old.contains(checksum) {
                    hadNew.insert(node.name)
                } else if hadNew.contains(node.name) {
                    reverted.insert(node.name)
                }
            }
            let cores = try await cluster.pods("core")
            let fresh = cores.filter { !before.contains($0.metadata.name) }
            if !isDeleted, fresh.count == 1, let middle = fresh.first, hadNew.contains(middle.metadata.name) {
                // The worst moment: the only core with the new configuration goes.
                isDeleted = true
                try await cluster.client.delete(Pod.self, middle.metadata.name, gracePeriodSeconds: 20)
                narrator.tell(
                    "deleted", "core \(middle.metadata.name), the first with the new rule, is deleted meanwhile")
            }
            if isDeleted, fresh.count == cluster.options.cores, cores.count == fresh.count,
                try await cluster.client.list(Pod.self, where: .labels(["component": "core"])).items.count
                    == fresh.count
            {
                narrator.check(true, "the rollout is done")
                return reverted.sorted().map { .string($0) }
            }
            try await cluster.clock.sleep(for: .milliseconds(100))
        }
        throw SandboxError("the rollout did not end within 180 seconds")
    }

    private func wedge() async throws {
        guard
            let process = cluster.runner.running.values.filter({ $0.role == "satellite" }).min(by: { $0.name < $1.name }
            )
        else { return }
        try await process.node.wedge()
        narrator.tell("wedged", "the admin interface of \(process.name) hangs")
        var times: [Duration] = []
        var message = ""
        for _ in 0..<20 {
            let stopwatch = Stopwatch(cluster.clock)
            let (_, answer) = try await http.exchange(.GET, "\(process.agentURL)/healthz/ready")
            times.append(stopwatch.elapsed)
            message = answer[at: "message"].string ?? message
            try await cluster.clock.sleep(for: .milliseconds(200))
        }
        // One of them may meet a machine that is busy with something else.
        let slow = times.filter { $0 >= .milliseconds(100) }.count
        narrator.check(
            slow <= 1, "its probes are answered all the same: \(times.count - slow) of \(times.count) within 100 ms",
            ["message": .string(message)])
        try await until("Kubernetes sends no clients there", seconds: 30) {
            try await !cluster.pods("satellite").contains { $0.metadata.name == process.name }
        }
        narrator.check(
            try await cluster.pods("satellite").count == cluster.options.satellites - 1,
            "every other satellite is Ready")
        try await process.node.unwedge()
        narrator.tell("freed", "it is freed")
        try await until("it is Ready again", seconds: 10) {
            try await cluster.pods("satellite").contains { $0.metadata.name == process.name }
        }
    }

    private func killLeader() async throws {
        try await until("one core holds the Lease", seconds: 30) {
            guard let name = try await leader() else { return false }
            return nodes().contains { $0.name == name }
        }
        guard let name = try await leader(), let process = cluster.runner.running[name] else {
            throw SandboxError("nobody holds the Lease")
        }
        process.agent.forbid()
        process.agent.signal(9)
        let killed = Stopwatch(cluster.clock)
        narrator.tell("killed", "the agent of \(name), which leads, is killed and kept down")
        try await until("another core holds the Lease", seconds: 30) {
            let now = try await leader()
            return now != nil && now != name
        }
        let seconds = Double(killed.elapsed.wholeMilliseconds) / 1_000
        narrator.check(
            seconds < 21, "it took over after \(seconds) s; the lease is 15 s", ["seconds": .number(seconds)])
        try await cluster.client.delete(Pod.self, name, gracePeriodSeconds: 2)
        narrator.tell("deleted", "the pod of the killed agent is deleted")
        try await until("another core took its place and is Ready", seconds: 60) {
            let now = Set(try await cluster.pods("core").map(\.metadata.name))
            return now.count == cluster.options.cores && !now.contains(name)
        }
        try await checkMembers(seconds: 30)
        try await checkRule(CoreFile(version: 2), seconds: 30)
    }
}
