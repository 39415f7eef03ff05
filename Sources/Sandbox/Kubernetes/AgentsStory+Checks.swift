import FakeGoogle
import FleetModel
import JSONValues
import KubernetesClient
import MySQLWire
import NIOHTTP1
import Pacing

extension AgentsStory {
    /// The nodes of the pods that run now and stay.
    func nodes() -> [SandboxEndpoints.Node] {
        let staying = Set(cluster.runner.pods.cache.sorted.filter(\.isRunning).map(\.metadata.name))
        return cluster.runner.running.values.map(\.node.endpoint).filter { staying.contains($0.name) }
            .sorted { $0.name < $1.name }
    }

    func patterns(of node: SandboxEndpoints.Node) async throws -> [String] {
        try await admin.query("SELECT match_pattern FROM runtime_mysql_query_rules ORDER BY rule_id", node)
            .compactMap { $0[0] }
    }

    /// The checksum of the rules that a node loaded or pulled since its start; nil before: until then a new core runs
    /// what its file says, and pulls what the others run, as ProxySQL does. The rules themselves are not read: a node
    /// that was asked for them while it pulled them was seen to hang for good (ProxySQL 2.7.1).
    func rulesChecksum(_ node: SandboxEndpoints.Node) async throws -> String? {
        let row = try await admin.query(
            "SELECT version, checksum FROM runtime_checksums_values WHERE name='mysql_query_rules'", node
        ).first
        guard let text = row?[0], let version = Int(text), version > 1 else { return nil }
        return row?[1]
    }

    /// Every node has a row for each core, and no other row: the bootstrap row is gone.
    func checkMembers(seconds: Double) async throws {
        let cores = try await cluster.pods("core")
        let expected = Set(cores.compactMap { pod in pod.address.map { "\($0) \(pod.metadata.name)" } })
        for node in nodes() {
            try await until("\(node.name) knows the \(cores.count) cores and nobody else", seconds: seconds) {
                let rows = try await admin.query("SELECT hostname, comment FROM runtime_proxysql_servers", node)
                return Set(rows.map { "\($0[0] ?? "") \($0[1] ?? "")" }) == expected
            }
        }
    }

    /// Every node runs the rule of a configuration, satellites included.
    func checkRule(_ file: CoreFile, seconds: Double) async throws {
        for node in nodes() {
            try await until("\(node.name) runs the rule of configuration \(file.version)", seconds: seconds) {
                try await patterns(of: node) == [file.pattern]
            }
        }
    }

    /// The core that holds the Lease, by its pod's name.
    func leader() async throws -> String? {
        let leases = try await cluster.client.list(Lease.self).items
        let holder = leases.compactMap { $0.spec?.holderIdentity }.first { !$0.isEmpty }
        return holder?.split(separator: "_").first.map { String($0) }
    }

    /// The cores whose agents say that they act.
    func acting() async throws -> [String] {
        var acting: [String] = []
        for process in cluster.runner.running.values where process.role == "core" {
            let (_, status) = try await http.exchange(.GET, "\(process.agentURL)/v1/status")
            if status[at: "is_leader"] == true { acting.append(process.name) }
        }
        return acting
    }

    // MARK: The drain

    func drainSatellite() async throws {
        guard
            let process = cluster.runner.running.values.filter({ $0.role == "satellite" }).min(by: { $0.name < $1.name }
            )
        else { return }
        var clients: [MySQLConnection] = []
        for _ in 0..<5 { clients.append(try await connect(process.host)) }
        if cluster.options.proxysql == nil {
            for client in clients { _ = try await client.query("BEGIN", timeout: .seconds(5)) }
        }
        narrator.tell("connected", "five clients are connected to satellite \(process.name)")
        try await cluster.client.delete(Pod.self, process.name, gracePeriodSeconds: 60)
        let begun = Stopwatch(cluster.clock)
        narrator.tell("deleted", "the satellite is deleted; its agent drains it first")
        try await until("Kubernetes sends no new clients there", seconds: 10) {
            !cluster.runner.readyAddresses("satellite").contains(process.host)
        }
        var lost = 0
        var problem = ""
        var wentElsewhere = 0
        while begun.elapsed < .seconds(3) {
            do {
                let connection = try await connect(cluster.services.satellites)
                await connection.close()
                wentElsewhere += 1
            } catch {
                lost += 1
                problem = "\(error)"
            }
            try await cluster.clock.sleep(for: .milliseconds(50))
        }
        narrator.check(
            lost == 0 && wentElsewhere > 0, "\(wentElsewhere) new clients of the Service were all let in by the others",
            ["lost": .whole(lost), "problem": .string(problem)])
        try await until("the node itself takes no new client", seconds: 20) {
            guard let connection = try? await connect(process.host) else { return true }
            await connection.close()
            return false
        }
        if cluster.options.proxysql == nil {
            narrator.check(
                cluster.runner.running[process.name] != nil && clients.allSatisfy(\.isOpen),
                "those who are in a transaction are still connected, and the node waits for them")
        }
        for client in clients { await client.close() }
        narrator.tell("left", "the clients leave")
        try await until("the node has shut down and the pod is gone", seconds: 40) {
            try await !cluster.client.list(Pod.self).items.contains { $0.metadata.name == process.name }
        }
        let seconds = Double(begun.elapsed.wholeMilliseconds) / 1_000
        narrator.tell("drained", "\(seconds) s from the deletion to the end", ["seconds": .number(seconds)])
        try await until("another satellite took its place and is Ready", seconds: 60) {
            try await cluster.pods("satellite").count == cluster.options.satellites
        }
        try await checkMembers(seconds: 30)
        try await checkRule(CoreFile(version: 2), seconds: 30)
    }

    private func connect(_ host: String) async throws -> MySQLConnection {
        try await MySQLConnection.connect(
            MySQLConfiguration(
                host: host, port: 6_033, username: "app", password: "app"),
            logger: logger)
    }

    // MARK: Waiting

    /// A fact that has to come true within a time.
    /// - Throws: `SandboxError` when it did not.
    func until(_ sentence: String, seconds: Double, _ isTrue: () async throws -> Bool) async throws {
        let start = cluster.wallClock.now()
        var problem = ""
        while true {
            do {
                if try await isTrue() { return narrator.check(true, sentence) }
                problem = ""
            } catch {
                try Task.checkCancellation()
                problem = ": \(error)"
            }
            guard cluster.wallClock.now().since(start) < .seconds(seconds) else {
                narrator.check(false, sentence)
                throw SandboxError("waited \(Int(seconds)) seconds in vain: \(sentence)\(problem)")
            }
            try await cluster.clock.sleep(for: .milliseconds(50))
        }
    }
}
