import FakeGoogle
import FleetModel
import JSONValues
package import Logging
import NIOHTTP1
package import Pacing

/// The story `replicas`: an alert becomes a serving replica, and later one goes again.
///
/// Nothing is believed because Drover says so: each fact is read back from ProxySQL, from Cloud SQL or from the store.
package struct ReplicasStory: Sendable {
    let endpoints: SandboxEndpoints
    let options: SandboxOptions
    let narrator: Narrator
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let http: JSONClient
    let fleet: FleetReader

    /// Makes the story of one sandbox.
    package init(
        endpoints: SandboxEndpoints, options: SandboxOptions, narrator: Narrator, clock: any Clock<Duration>,
        wallClock: any WallClock, logger: Logger
    ) {
        self.endpoints = endpoints
        self.options = options
        self.narrator = narrator
        self.clock = clock
        self.http = JSONClient(clock: clock)
        self.wallClock = wallClock
        var quiet = logger
        quiet.logLevel = .error
        fleet = FleetReader(nodes: endpoints.proxysql, logger: quiet)
    }

    /// What the story learns on its way.
    struct Places: Sendable {
        var writer = ""
        var reader = ""
        var primary = ""
        var statics: [String] = []
    }

    /// Plays the story.
    /// - Throws: `SandboxError` when something that had to come did not.
    package func play() async throws {
        let places = try await register()
        guard options.mariadb, options.proxysql != nil else { return try await scenes(places) }
        let traffic = Traffic(
            nodes: endpoints.proxysql, username: Sandbox.application.username,
            password: Sandbox.application.password, clock: clock)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            try await until("every node answers the application's queries", seconds: 60) {
                try await traffic.probe()
                return true
            }
            narrator.tell("traffic", "applications read and write through every node from here to the end")
            tasks.addTask { await traffic.run() }
            try await scenes(places, traffic)
            tasks.cancelAll()
        }
        let count = traffic.soFar
        narrator.tell(
            "traffic", "\(count.queries) queries, \(count.failed) failed",
            ["queries": .whole(count.queries), "failed": .whole(count.failed)])
        for failure in count.failures { narrator.tell("traffic", failure) }
        narrator.check(count.queries > 0 && count.failed == 0, "no query failed")
    }

    private func scenes(_ places: Places, _ traffic: Traffic? = nil) async throws {
        let before = try await marks()
        try await alert("add", "open", id: "0.demo-add")
        try await checkIncident("0-demo-add", state: "open")
        let first = try await replica(number: 1, places)
        try await checkUntouched(before)
        narrator.tell("cooldown", "the incident stays open; after the cooldown one more is due")
        try await waitForCreation(of: 2)
        try await alert("add", "closed", id: "0.demo-add")
        try await checkIncident("0-demo-add", state: "closed")
        let second = try await replica(number: 2, places)
        try await checkQuiet(count: 2)
        try await remove([first, second], places)
        try await checkUntouched(before)
        try await checkCleared(["add", "remove"])
        guard let traffic else {
            if options.mariadb, let left = try await leftAddress() { try await fitnessScene(left, places, nil) }
            return
        }
        for address in [first, second] {
            narrator.check(traffic.soFar.readers[address, default: 0] > 0, "\(address) answered reads")
        }
        try await alert("add", "open", id: "0.demo-again")
        try await waitForCreation(of: 2)
        try await alert("add", "closed", id: "0.demo-again")
        let third = try await replica(number: 2, places)
        try await until("\(third) answers reads", seconds: 30) { traffic.soFar.readers[third, default: 0] > 0 }
        try await checkCleared(["again"])
        try await fitnessScene(third, places, traffic)
    }

    /// The address of the replica of ours that is left.
    private func leftAddress() async throws -> String? {
        try await managed().first?[at: "ipAddresses"].elements.first?[at: "ipAddress"].string
    }

    // MARK: Scenes

    private func register() async throws -> Places {
        var places = Places()
        let list = try await http.call(.GET, sqlURL + "/instances")
        func address(_ name: String) -> String {
            list[at: "items"].elements.first { $0[at: "name"].string == name }?[at: "ipAddresses"].elements.first?[
                at: "ipAddress"
            ]
            .string ?? ""
        }
        places.primary = address(Sandbox.primary)
        places.statics = Sandbox.statics.map(address)
        let added = try await http.call(
            .POST, endpoints.api + "/",
            [
                "action": "add_database", "instance_name": .string(Sandbox.primary),
                "username": .string(Sandbox.application.username),
                "password": .string(Sandbox.application.password),
                "master_instance": ["name": .string(Sandbox.primary), "ip_address": .string(places.primary)],
                "read_replicas": .array(
                    zip(Sandbox.statics, places.statics).map {
                        ["name": .string($0), "ip_address": .string($1)]
                    }),
                // Without a cooldown there is no time to close the alert before a third replica.
                "chester_meta_data": [
                    "instance_group": .string(Sandbox.primary),
                    "max_chester_instances": options.cooldownSeconds < 1 ? 2 : "5",
                ],
            ])
        narrator.tell("registered", "the database \(Sandbox.primary) is registered through the API")
        if let writer = added[at: "write_host_group"].integer, let reader = added[at: "read_host_group"].integer {
            places.writer = "\(writer)"
            places.reader = "\(reader)"
        }
        let shown = try await http.call(.GET, endpoints.api + "/databases/\(Sandbox.primary)")
        narrator.check(
            shown[at: "read_replicas"].elements.count == Sandbox.statics.count
                && shown[at: "password"].string == "REDACTED",
            "the API shows it with its static replicas, and not its password")
        let expected = Set(
            [FleetReader.Server(hostgroup: places.writer, hostname: places.primary, status: "ONLINE")]
                + places.statics.map {
                    FleetReader.Server(hostgroup: places.reader, hostname: $0, status: "ONLINE")
                })
        for node in endpoints.proxysql {
            try await until("\(node.name) serves primary and static replicas", seconds: 60) {
                try await fleet.servers(of: node) == expected
            }
            try await until("\(node.name) lets the application in and routes its queries", seconds: 60) {
                let routes = try await fleet.routes(of: "app", on: node)
                return routes.isThere && routes.rules == 4
            }
        }
        return places
    }

    private func replica(number: Int, _ places: Places) async throws -> String {
        try await waitForCreation(of: number)
        let name = try await managed().map { $0[at: "name"].string ?? "" }
        var address = ""
        var doneAt = wallClock.now()
        let newest = try await newestOperation("CREATE_REPLICA")
        try await until(
            "Cloud SQL has created \(newest[at: "targetId"].string ?? "")", seconds: options.operationSeconds + 60
        ) {
            let operation = try await http.call(.GET, sqlURL + "/operations/\(newest[at: "name"].string ?? "")")
            doneAt = wallClock.now()
            return operation[at: "status"].string == "DONE" && operation[at: "error"] == .null
        }
        narrator.check(Set(name).count == number, "Cloud SQL has \(number) replica(s) of ours, each with its own name")
        let instance = try await http.call(.GET, sqlURL + "/instances/\(newest[at: "targetId"].string ?? "")")
        address = instance[at: "ipAddresses"].elements.first?[at: "ipAddress"].string ?? ""
        narrator.check(
            instance[at: "state"].string == "RUNNABLE" && instance[at: "masterInstanceName"].string == Sandbox.primary,
            "it is RUNNABLE at \(address) and replicates from \(Sandbox.primary)")
        let wanted = FleetReader.Server(hostgroup: places.reader, hostname: address, status: "ONLINE")
        for node in endpoints.proxysql {
            try await until("\(address) is ONLINE in the reader hostgroup of \(node.name)", seconds: 60) {
                try await fleet.servers(of: node).contains(wanted)
            }
        }
        let seconds = Double(wallClock.now().since(doneAt).wholeMilliseconds) / 1_000
        narrator.tell(
            "serving", "\(seconds) s from the end of the operation to ONLINE on every node",
            ["online-seconds": .number(seconds)])
        return address
    }

    private func remove(_ managed: [String], _ places: Places) async throws {
        let simulated = options.proxysql == nil
        if simulated {
            for address in managed { try await setConnections(address, 3) }
            narrator.tell("connections", "three connections are in use to each replica, on every node")
        }
        try await alert("remove", "open", id: "0.demo-remove")
        try await checkIncident("0-demo-remove", state: "open")
        var victim = ""
        for node in endpoints.proxysql where simulated {
            try await until("\(node.name) has one managed replica OFFLINE_SOFT", seconds: 60) {
                let draining = try await fleet.servers(of: node).filter { $0.status == "OFFLINE_SOFT" }
                victim = draining.first?.hostname ?? ""
                return draining.count == 1 && managed.contains(victim)
            }
        }
        if simulated {
            try await alert("remove", "closed", id: "0.demo-remove")
            try await clock.sleep(for: .seconds(2))
            let stays = try await http.call(.GET, sqlURL + "/instances")
            narrator.check(
                stays[at: "items"].elements.contains {
                    $0[at: "state"].string == "RUNNABLE"
                        && $0[at: "ipAddresses"].elements.first?[at: "ipAddress"].string == victim
                }, "while its connections are in use, \(victim) is not deleted")
            try await setConnections(victim, 0)
            narrator.tell("connections", "the connections to \(victim) end")
        } else {
            // Without clients a drain of real nodes is over between two looks; the deletion tells who it was.
            try await until("Cloud SQL is asked to delete a replica", seconds: 60) {
                try await newestOperation("DELETE") != .null
            }
            try await alert("remove", "closed", id: "0.demo-remove")
        }
        try await checkRemoved(victim, managed, places)
    }

    private func checkRemoved(_ drained: String, _ managed: [String], _ places: Places) async throws {
        try await until("Cloud SQL has one replica of ours left", seconds: options.operationSeconds + 60) {
            try await self.managed().count == 1
        }
        let left = try await leftAddress() ?? ""
        let victim = managed.first { $0 != left } ?? drained
        narrator.check(
            (drained.isEmpty || victim == drained) && managed.contains(left),
            "the one that was deleted is the one that was drained")
        for node in endpoints.proxysql {
            try await until("\(victim) is out of \(node.name)", seconds: 30) {
                let servers = try await fleet.servers(of: node)
                return !servers.contains { $0.hostname == victim }
            }
            let inUse = try await fleet.connectionsInUse(to: victim, on: node)
            narrator.check(inUse == 0, "\(node.name) has no connection to it in use")
            let servers = try await fleet.servers(of: node)
            let kept = (places.statics + [left]).allSatisfy {
                servers.contains(.init(hostgroup: places.reader, hostname: $0, status: "ONLINE"))
            }
            narrator.check(
                kept && servers.contains(.init(hostgroup: places.writer, hostname: places.primary, status: "ONLINE")),
                "primary, static replicas and the other managed one are ONLINE on \(node.name)")
        }
        let list = try await http.call(.GET, sqlURL + "/instances")
        let states = Sandbox.statics.map { name in
            list[at: "items"].elements.first { $0[at: "name"].string == name }?[at: "state"].string
        }
        narrator.check(states.allSatisfy { $0 == "RUNNABLE" }, "Cloud SQL still has the static replicas")
        try await checkQuiet(count: 1)
    }
}
