import FakeProxySQL
import FleetModel
import Logging
import MySQLWire
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A ProxySQL node of the sandbox and what can be done to it.
protocol SandboxNode: Sendable {
    var endpoint: SandboxEndpoints.Node { get }
    /// Serves until cancellation.
    func run() async throws
    /// As SIGKILL does.
    func kill() async
    /// Starts it again after `kill`.
    func restart() async throws
    /// As SIGSTOP does.
    func wedge() async throws
    /// As SIGCONT does.
    func unwedge() async throws
    /// Pretends connections in use; false where connections are real.
    func setConnectionsInUse(address: String, port: Int, count: Int) async -> Bool
}

/// A simulated node.
struct SimulatedNode: SandboxNode {
    let endpoint: SandboxEndpoints.Node
    let fake: FakeProxySQL

    func run() async throws { try await fake.run() }
    func kill() async { await fake.kill() }
    func restart() async throws { try await fake.restart() }
    func wedge() async throws { try await fake.wedge() }
    func unwedge() async throws { try await fake.unwedge() }

    func setConnectionsInUse(address: String, port: Int, count: Int) async -> Bool {
        await fake.setConnectionsInUse(address: address, port: port, count: count)
        return true
    }
}

/// The real binary, with a folder and an address of its own.
struct RealNode: SandboxNode {
    let endpoint: SandboxEndpoints.Node
    let process: ChildProcess

    /// Writes the node's configuration file and prepares its process; Monitor is off where the replicas' addresses
    /// have nothing behind them, and the version check, which would call outside, always is.
    init(
        binary: String, endpoint: SandboxEndpoints.Node, peers: [String], folder: String, monitors: Bool,
        clock: any Clock<Duration>
    ) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let servers = peers.map { peer in
            let parts = peer.split(separator: ":")
            return "    { hostname=\"\(parts[0])\" port=\(parts[1]) weight=0 comment=\"\" }"
        }.joined(separator: ",\n")
        let text = """
            datadir="\(folder)"
            admin_variables=
            {
                admin_credentials="admin:admin;\(endpoint.username):\(endpoint.password)"
                mysql_ifaces="\(endpoint.admin)"
                cluster_username="\(endpoint.username)"
                cluster_password="\(endpoint.password)"
                cluster_check_interval_ms=200
                cluster_mysql_servers_sync_algorithm=2
            }
            mysql_variables=
            {
                interfaces="\(endpoint.mysql)"
                monitor_enabled=\(monitors)
                monitor_username="\(MariaDBServers.monitorUser)"
                monitor_password="\(MariaDBServers.monitorPassword)"
                threads=2
            }
            proxysql_servers=
            (
            \(servers)
            )
            """
        try text.write(toFile: "\(folder)/proxysql.cnf", atomically: true, encoding: .utf8)
        self.init(binary: binary, endpoint: endpoint, folder: folder, monitors: monitors, clock: clock)
    }

    /// A node whose `proxysql.cnf` is in its folder already. Without `monitors` its Monitor never starts (`-M`): where
    /// no MySQL answers at the backends' addresses, it would shun all of them.
    init(
        binary: String, endpoint: SandboxEndpoints.Node, folder: String, monitors: Bool = false,
        clock: any Clock<Duration>
    ) {
        self.endpoint = endpoint
        process = ChildProcess(
            executable: binary,
            arguments: ["-f"] + (monitors ? [] : ["-M"])
                + ["--no-version-check", "-c", "\(folder)/proxysql.cnf", "-D", folder],
            environment: ["PATH": "/usr/bin:/bin"], logFile: "\(folder)/proxysql.log", restarts: false, clock: clock)
    }

    func run() async throws { try await process.run() }

    func kill() async {
        process.forbid()
        process.signal(SIGKILL)
    }

    func restart() async throws { process.allow() }
    func wedge() async throws { process.signal(SIGSTOP) }
    func unwedge() async throws { process.signal(SIGCONT) }
    func setConnectionsInUse(address: String, port: Int, count: Int) async -> Bool { false }
}
