import FleetModel
import Testing

@testable import Agent

@Suite("What probes answer of clients' fate, and of answers that are errors")
struct DataPlaneTests {
    private let begin = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
    private let port = AgentAddress(host: "127.0.0.1", port: 6_033)

    private func after(_ seconds: Int) -> Timestamp { begin.advanced(by: .seconds(seconds)) }

    /// A node that was well at the beginning: both ports answered.
    private func well() -> NodeHealth {
        var health = NodeHealth(at: begin)
        health.observation = NodeObservation(
            at: begin, backends: [.init(hostgroup: 1, status: "ONLINE", count: 2)], isPaused: false)
        health.dataPlane = DataPlane(address: port, isKnown: true)
        health.dataPlane.probed(.answered, at: begin)
        return health
    }

    @Test("A login or statement that is refused makes the node unready, and never dead")
    func refused() {
        var health = well()
        health.dataPlane = DataPlane()
        health.answeredAt = after(60)
        health.problem = "127.0.0.1:6032 refused the login of radmin"
        for refusals in 1...2 {
            health.refusals = refusals
            #expect(HealthPolicy().answer(.ready, health, at: after(60)).passes)
        }
        for refusals in [3, 100] {
            health.refusals = refusals
            let ready = HealthPolicy().answer(.ready, health, at: after(60))
            #expect(!ready.passes && ready.message.contains("refused the login"))
            #expect(HealthPolicy().answer(.live, health, at: after(60)).passes)
            #expect(HealthPolicy().concerns(health, at: after(60)).count == 1)
        }
    }

    @Test("An agent that starts with a wrong password: started and live, for the process answers, and unready")
    func refusedFromTheStart() {
        var health = NodeHealth(at: begin)
        health.refusals = 1
        health.problem = "refused the login"
        let policy = HealthPolicy(requiresConfiguration: true)
        #expect(policy.answer(.started, health, at: after(1)).passes)
        #expect(policy.answer(.live, health, at: after(1)).passes)
        #expect(!policy.answer(.ready, health, at: after(1)).passes)
        #expect(policy.concerns(health, at: after(1)).first?.contains("refuses the agent") == true)
    }

    @Test("A process that stops is unready after two probes and dead within 16 s, not before its time")
    func stopped() {
        var health = well()
        health.dataPlane.probed(.silent("no greeting"), at: after(3))
        #expect(HealthPolicy().answer(.ready, health, at: after(3)).passes)
        health.dataPlane.probed(.silent("no greeting"), at: after(4))
        let ready = HealthPolicy().answer(.ready, health, at: after(4))
        #expect(!ready.passes && ready.message.contains("does not greet"))
        #expect(HealthPolicy().answer(.live, health, at: after(14)).passes)
        #expect(!HealthPolicy().answer(.live, health, at: after(16)).passes)
    }

    @Test("A port that accepts and never greets is dead although the admin interface answers")
    func stuckWorkers() {
        var health = well()
        health.dataPlane.probed(.silent("no greeting"), at: after(3))
        health.dataPlane.probed(.silent("no greeting"), at: after(4))
        health.answeredAt = after(20)
        health.observation?.at = after(20)
        #expect(!HealthPolicy().answer(.live, health, at: after(20)).passes)
    }

    @Test("A slow admin interface alone makes nobody unready, however long it takes")
    func slowAdmin() {
        var health = well()
        for seconds in stride(from: 2, through: 120, by: 2) {
            health.dataPlane.probed(.answered, at: after(seconds))
            #expect(HealthPolicy().answer(.ready, health, at: after(seconds)).passes)
            #expect(HealthPolicy().answer(.live, health, at: after(seconds)).passes)
        }
        #expect(HealthPolicy().concerns(health, at: after(120)).count == 1)
    }

    @Test("A closed port makes the node unready, and does not kill a process whose admin interface answers")
    func closed() {
        var health = well()
        health.answeredAt = after(60)
        for _ in 0..<30 { health.dataPlane.probed(.refused("connection refused"), at: after(60)) }
        #expect(!HealthPolicy().answer(.ready, health, at: after(60)).passes)
        #expect(HealthPolicy().answer(.live, health, at: after(60)).passes)
        // That is how PAUSE looks before 2.6, and until the next look everywhere.
        #expect(health.looksPaused && !well().looksPaused)
    }

    @Test("A process that is gone is dead after the tries, as before")
    func gone() {
        var health = well()
        health.failures = 3
        health.problem = "nothing listens"
        for _ in 0..<2 { health.dataPlane.probed(.refused("connection refused"), at: after(6)) }
        #expect(!HealthPolicy().answer(.live, health, at: after(6)).passes)
    }

    @Test("While the node drains or is paused its closed port says nothing")
    func paused() {
        var health = well()
        health.dataPlane.probed(.silent("no greeting"), at: after(1))
        health.dataPlane.probed(.silent("no greeting"), at: after(2))
        health.draining = .draining
        #expect(HealthPolicy().answer(.live, health, at: after(600)).passes)
    }

    @Test("A port that is only guessed counts once it has greeted")
    func guessed() {
        var plane = DataPlane(address: port)
        for second in 0..<3 { plane.probed(.refused("connection refused"), at: after(second)) }
        #expect(plane.problem == nil)
        plane.probed(.answered, at: after(3))
        for second in 4..<6 { plane.probed(.refused("connection refused"), at: after(second)) }
        #expect(plane.problem != nil)
        plane.move(to: AgentAddress(host: "127.0.0.1", port: 3_306))
        #expect(plane.problem == nil && plane.isKnown)
    }

    @Test(
        "Where clients connect is what mysql-interfaces says",
        arguments: [
            ("0.0.0.0:6033", "127.0.0.1:6033"), ("0.0.0.0:6033;/tmp/proxysql.sock", "127.0.0.1:6033"),
            ("/tmp/proxysql.sock;10.0.0.5:3306", "10.0.0.5:3306"), ("/tmp/proxysql.sock", nil), ("", nil),
            ("[::]:6034", "127.0.0.1:6034"), ("10.0.0.5:3306;127.0.0.1:6033", "127.0.0.1:6033"), (";;x;:0", nil),
        ] as [(String, String?)])
    func interfaces(text: String, expected: String?) {
        let admin = AgentAddress(host: "127.0.0.1", port: 6_032)
        #expect(MySQLInterfaces.address(text, admin: admin)?.description == expected)
    }

    @Test("A satellite without servers is unready, unless its cores are known to have nothing either")
    func empty() {
        let policy = HealthPolicy(requiresConfiguration: true)
        var health = well()
        health.hasStarted = true
        health.observation?.backends = []
        for cores in [NodeObservation.Cores.unknown, .filled] {
            health.observation?.cores = cores
            let ready = policy.answer(.ready, health, at: begin)
            #expect(!ready.passes && ready.message.contains("no backends yet"))
            #expect(policy.answer(.live, health, at: begin).passes)
        }
        health.observation?.cores = .empty
        let ready = policy.answer(.ready, health, at: begin)
        #expect(ready.passes && ready.message == "no backends yet")
        // A core has nobody to wait for.
        health.observation?.cores = .unknown
        #expect(HealthPolicy().answer(.ready, health, at: begin).passes)
    }

    @Test("A whole fleet of lost backends leaves the node ready")
    func lost() {
        let policy = HealthPolicy(requiresConfiguration: true)
        var health = well()
        health.hasStarted = true
        health.observation?.backends = [.init(hostgroup: 1, status: "SHUNNED", count: 3)]
        #expect(policy.answer(.ready, health, at: begin).passes)
    }

    private func stamp(_ module: String, _ version: Int64, _ checksum: String) -> NodeObservation.Stamp {
        .init(module: module, version: version, epoch: 1, checksum: checksum)
    }

    @Test("A satellite that lost its users alone is unready until it has some; one whose cores do without is not")
    func userless() {
        let policy = HealthPolicy(requiresConfiguration: true)
        var health = well()
        health.hasStarted = true
        var seen = NodeObservation(at: begin, backends: [.init(hostgroup: 1, status: "ONLINE", count: 2)])
        let servers = stamp("mysql_servers", 2, "0xAB")
        func isReady(_ own: [NodeObservation.Stamp], _ peers: [NodeObservation.Stamp]) -> Bool {
            seen.stamps = own
            seen.compare(with: peers)
            health.looked(seen)
            return policy.answer(.ready, health, at: begin).passes
        }
        let (users, none) = (stamp("mysql_users", 2, "0xCD"), stamp("mysql_users", 3, "0x0000000000000000"))
        #expect(isReady([servers, none], [servers, none]), "all clients may be known by another way than users")
        #expect(isReady([servers, none], []), "nobody knows of any users")
        #expect(!isReady([servers, none], [servers, users]))
        #expect(policy.answer(.ready, health, at: begin).message.contains("no users"))
        #expect(policy.answer(.live, health, at: begin).passes)
        #expect(isReady([servers, users], []))
        #expect(!isReady([servers, none], []), "it had some, and no core is there to tell otherwise")
        #expect(isReady([servers, none], [servers, none]), "they were taken away everywhere")
        #expect(isReady([servers, none], []))
        let ofFile = stamp("mysql_users", 1, "0xCD")
        #expect(isReady([servers, none], [servers, ofFile]), "what was not loaded nobody can pull")
        let goneSince = NodeObservation.Stamp(module: "mysql_users", version: 9, epoch: 0, checksum: "0xCD")
        #expect(isReady([servers, none], [servers, goneSince, none]), "the row of a core that is gone")
        // Reads go to the writer then, which serves them.
        #expect(isReady([servers, users], [servers, users, stamp("mysql_query_rules", 2, "0xEF")]))
    }

    @Test("What the cores hold is told by those that are loaded")
    func cores() {
        var seen = NodeObservation(at: begin)
        seen.compare(with: [stamp("mysql_servers", 0, ""), stamp("proxysql_servers", 2, "0xAB")])
        #expect(seen.cores == .unknown)
        seen.compare(with: [stamp("mysql_servers", 1, "0x00"), stamp("admin_variables", 2, "0xAB")])
        #expect(seen.cores == .empty && seen.awaited.isEmpty)
        seen.compare(with: [stamp("mysql_servers", 1, "0xAB"), stamp("admin_variables", 2, "0xAB")])
        #expect(seen.cores == .filled && seen.awaited.isEmpty)
        seen.compare(with: [stamp("mysql_servers", 2, "0x0000000000000000")])
        #expect(seen.cores == .empty && seen.awaited.isEmpty)
        seen.compare(with: [stamp("mysql_servers", 2, "0x0000000000000000"), stamp("mysql_users", 2, "0xAB")])
        #expect(seen.cores == .filled && seen.awaited == ["mysql_users"])
    }
}
