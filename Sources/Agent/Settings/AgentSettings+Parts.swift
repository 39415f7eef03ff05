import FleetModel

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

/// The settings, as the parts of an agent want them.
extension AgentSettings {
    /// Whether the node is a core.
    package var isCore: Bool { word("agent.mode") == "core" }

    /// What tells which node this is: the name that is set, else that of the core in `agent.peers` with this node's
    /// address; else what the pod's environment, the host and its addresses say.
    package func identityHints(_ environment: [String: String]) -> NodeIdentity.Hints {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let address = address("agent.proxysql.address")
        let pod = ["POD_IP", "POD_IPS"].compactMap(value).joined(separator: ",").split(separator: ",").map {
            String($0.filter { $0 != " " })
        }
        return NodeIdentity.Hints(
            stated: optionalText("agent.name") ?? peers("agent.peers").first { $0.admin == address }?.name,
            podName: value("POD_NAME"), hostNames: [value("HOSTNAME"), Self.hostName].compactMap(\.self),
            addresses: NodeIdentity.interfaceAddresses().union(pod).union([address.host]))
    }

    /// The kernel's name of the host: a resolver may add a domain to it, and pods have none.
    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return ProcessInfo.processInfo.hostName }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// How the admin interface is reached.
    package var port: AdminPort.Settings {
        var port = AdminPort.Settings(
            address: address("agent.proxysql.address"), username: text("agent.proxysql.username"),
            password: secret("agent.proxysql.password") ?? Secret(""),
            patience: seconds("agent.health.timeout-seconds"), timeout: seconds("agent.statement-timeout-seconds"))
        port.tls = nodeTLS
        return port
    }

    /// The rules by which probes are answered.
    package var healthPolicy: HealthPolicy {
        let wanted = word("agent.health.require-configuration")
        return HealthPolicy(
            interval: seconds("agent.health.interval-seconds"), timeout: seconds("agent.health.timeout-seconds"),
            tries: integer("agent.health.tries"), requiredHostgroups: integers("agent.health.required-hostgroups"),
            requiresConfiguration: wanted == "auto" ? !isCore : wanted == "true")
    }

    /// Where clients connect: as set, else ProxySQL's default port beside its admin interface, until the node tells.
    package var dataPlane: DataPlane {
        if let text = optionalText("agent.health.mysql-address") {
            return text.lowercased() == "off"
                ? DataPlane(isKnown: true) : DataPlane(address: AgentAddress(text), isKnown: true)
        }
        return DataPlane(address: AgentAddress(host: address("agent.proxysql.address").host, port: 6_033))
    }

    /// How long a drain may take.
    package var drainLimits: DrainMachine.Limits {
        DrainMachine.Limits(
            propagation: seconds("agent.shutdown.propagation-seconds"),
            drain: seconds("agent.shutdown.drain-timeout-seconds"),
            total: seconds("agent.shutdown.timeout-seconds"), poll: seconds("agent.shutdown.poll-seconds"))
    }

    /// Who may change something through the API.
    package var bearerToken: BearerToken {
        BearerToken(token: secret("agent.api.token"), file: optionalText("agent.api.token-file"))
    }
}
