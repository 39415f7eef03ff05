package import FleetModel

/// The body of `/healthz/ready` and `/healthz/live`: the Go agent's members, zeros included.
package struct ProbeDocument: Codable, Hashable, Sendable {
    /// Backends of every hostgroup.
    package struct Backends: Codable, Hashable, Sendable {
        /// How many are ONLINE.
        package var online: Int
        /// How many are SHUNNED.
        package var shunned: Int
        /// How many there are.
        package var total: Int
    }

    /// Backends, as last seen.
    package var backends: Backends
    /// `ok`, `draining` or `error`.
    package var status: String
    /// One sentence.
    package var message: String
    /// `readiness` or `liveness`.
    package var probe: String
    /// Client connections, as last seen.
    package var clients: Int
    /// Whether the node is draining.
    package var draining: Bool
    /// Milliseconds since the node was last looked at; absent when it never was.
    package var ageMilliseconds: Int64?

    private enum CodingKeys: String, CodingKey {
        case backends, status, message, probe, clients, draining
        case ageMilliseconds = "age_ms"
    }

    init(_ verdict: HealthPolicy.Verdict, _ probe: HealthPolicy.Probe, _ health: NodeHealth, at now: Timestamp) {
        let seen = health.observation
        backends = Backends(
            online: seen?.count("ONLINE") ?? 0, shunned: seen?.count("SHUNNED") ?? 0, total: seen?.count() ?? 0)
        status = verdict.status
        message = verdict.message
        self.probe = probe == .ready ? "readiness" : "liveness"
        clients = seen?.clients ?? 0
        draining = health.draining != .no
        ageMilliseconds = seen.map { now.since($0.at).wholeMilliseconds }
    }
}

/// The body of `GET /v1/status`.
package struct StatusDocument: Codable, Hashable, Sendable {
    /// A module's stamp.
    package struct Stamp: Codable, Hashable, Sendable {
        /// The module.
        package var module: String
        /// How often this node loaded it.
        package var version: Int64
        /// Seconds since 1970.
        package var epoch: Int64
        /// Hash of the content.
        package var checksum: String
    }

    /// The node's name.
    package var node: String
    /// Tells this process of the agent from every other one.
    package var instance: String?
    /// `core` or `satellite`.
    package var role: String
    /// Whether this agent acts for the cores.
    package var isLeader: Bool
    /// Who acts, as far as is known.
    package var leader: String?
    /// The order of the mounted configuration; absent when nothing tells it.
    package var order: ConfigurationOrder?
    /// The order of what the cluster runs, as far as this agent knows.
    package var running: RunningClaim?
    /// When each configuration's first pod was created, as far as this agent knows.
    package var seen: [String: Int64]
    /// The generation of the followed configuration that the node is seen to run; absent while it does not.
    package var generation: Int64?
    /// What the node holds of each group's followed configuration; absent where nothing is followed.
    package var holds: [HeldConfiguration]?
    /// The generation that is wanted of it.
    package var wantedGeneration: Int64?
    /// The files that rows of `mysql_servers_ssl_params` may name, as they are beside the node.
    package var tlsFiles: [String]?
    /// `current`, or why clients are not shown the certificate that they should be.
    package var certificate: String?
    /// What the boot is at, one word.
    package var boot: String
    /// The stable code of what keeps the node from its duty; absent when nothing does.
    package var reason: String?
    /// One sentence about what was last done and why.
    package var note: String
    /// Names of the cores that are known.
    package var peers: [String]
    /// What the node runs.
    package var checksums: [Stamp]
    /// Modules that differ from a core's.
    package var drift: [String]
    /// Backends by status.
    package var backends: ProbeDocument.Backends
    /// Client connections.
    package var clients: Int
    /// Whether PAUSE is in force.
    package var paused: Bool
    /// What a drain is at, one word.
    package var drain: String
    /// The answers that probes get now.
    package var started: Bool
    /// Whether clients should come here.
    package var ready: Bool
    /// Whether the process should be left alone.
    package var live: Bool
    /// Why, when one of them is false.
    package var message: String
    /// Milliseconds since the node was last looked at.
    package var ageMilliseconds: Int64?
    /// What a person has to look into, a sentence each; absent when there is nothing.
    package var concerns: [String]?

    private enum CodingKeys: String, CodingKey {
        case concerns
        case node, instance, role, leader, order, running, seen, generation, holds, boot, reason, certificate, note,
            peers, checksums, drift, backends, clients, paused, drain
        case started, ready, live, message
        case isLeader = "is_leader"
        case tlsFiles = "tls_files"
        case wantedGeneration = "wanted_generation"
        case ageMilliseconds = "age_ms"
    }
}

/// One row of `GET /v1/backends`.
package struct BackendDocument: Codable, Hashable, Sendable {
    /// ProxySQL's hostgroup.
    package var hostgroup: Int
    /// Its address.
    package var host: String
    /// Its port.
    package var port: Int
    /// As the connection pool has it, which tells SHUNNED_REPLICATION_LAG apart.
    package var status: String
    /// Connections in use.
    package var used: Int
    /// Connections kept.
    package var free: Int
    /// Queries since the counters began.
    package var queries: Int
    /// Connections that failed.
    package var errors: Int
    /// Round trip, in microseconds.
    package var latencyMicroseconds: Int

    private enum CodingKeys: String, CodingKey {
        case hostgroup, host, port, status, used, free, queries, errors
        case latencyMicroseconds = "latency_us"
    }
}

/// One row of `GET /v1/cluster`: what this node knows of one module of one peer.
package struct ClusterDocument: Codable, Hashable, Sendable {
    /// The peer's address.
    package var host: String
    /// Its admin port.
    package var port: Int
    /// The module.
    package var module: String
    /// The peer's own count of loads.
    package var version: Int64
    /// Seconds since 1970 of the LOAD that made the content.
    package var epoch: Int64
    /// Hash of the content.
    package var checksum: String
    /// Checks in a row that found it different from this node's.
    package var differences: Int
    /// Whether this node runs the same.
    package var agrees: Bool

    private enum CodingKeys: String, CodingKey {
        case host, port, module, version, epoch, checksum, agrees
        case differences = "diff_check"
    }
}
