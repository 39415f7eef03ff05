import FleetModel
import JSONValues
import MySQLWire
import NIOHTTP1
import Pacing

extension ReplicasStory {
    /// The replication of a serving replica is stopped behind Drover's back, and goes on later.
    func fitnessScene(_ address: String, _ places: Places, _ traffic: Traffic?) async throws {
        _ = try await http.call(
            .PATCH, endpoints.api + "/v1/groups/\(Sandbox.primary)/policy",
            ["fitness": ["enabled": true, "samplesOut": 2, "samplesIn": 2]])
        narrator.tell("fitness", "the group's policy lets Drover sideline readers that are not fit")
        try await command("STOP SLAVE", at: address)
        var began = wallClock.now()
        narrator.tell("fitness", "somebody stops the replication of \(address)")
        try await expect(address, "OFFLINE_SOFT", in: places.reader)
        narrator.tell(
            "fitness", "\(began.seconds(to: wallClock.now())) s until no node sends it a new connection",
            ["sidelined-seconds": .number(began.seconds(to: wallClock.now()))])
        let list = try await http.call(.GET, endpoints.api + "/v1/groups/\(Sandbox.primary)/replicas")
        narrator.check(
            list[at: "items"].elements.contains {
                $0[at: "address"].string == address && $0[at: "fitness"].string == "sidelined"
                    && $0[at: "unfit"][at: "code"].string == UnfitCode.stopped.rawValue
            }, "drover ctl replicas says that it is sidelined, because its replication is stopped")
        for node in endpoints.proxysql {
            let servers = try await fleet.servers(of: node)
            narrator.check(
                places.statics.allSatisfy {
                    servers.contains(.init(hostgroup: places.reader, hostname: $0, status: "ONLINE"))
                }, "the other readers are ONLINE on \(node.name)")
        }
        try await command("START SLAVE", at: address)
        began = wallClock.now()
        try await expect(address, "ONLINE", in: places.reader)
        narrator.tell(
            "fitness", "\(began.seconds(to: wallClock.now())) s after its replication went on it is back",
            ["back-seconds": .number(began.seconds(to: wallClock.now()))])
        guard let traffic else { return }
        let before = traffic.soFar.readers[address, default: 0]
        try await until("\(address) answers reads again", seconds: 30) {
            traffic.soFar.readers[address, default: 0] > before
        }
    }

    private func expect(_ address: String, _ status: String, in hostgroup: String) async throws {
        for node in endpoints.proxysql {
            try await until("\(address) is \(status) on \(node.name)", seconds: 90) {
                try await fleet.servers(of: node).contains(
                    .init(hostgroup: hostgroup, hostname: address, status: status))
            }
        }
    }

    /// What an administrator types at a MariaDB server.
    private func command(_ sql: String, at address: String) async throws {
        let connection = try await MySQLConnection.connect(
            MySQLConfiguration(
                host: address, port: BackendServer.usualPort, username: MariaDBServers.operatorUser,
                password: MariaDBServers.operatorPassword),
            logger: fleet.logger)
        _ = try await connection.query(sql)
        await connection.close()
    }
}

extension Timestamp {
    fileprivate func seconds(to later: Timestamp) -> Double {
        Double(later.since(self).wholeMilliseconds) / 1_000
    }
}
