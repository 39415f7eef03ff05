import AsyncHTTPClient
import FleetModel
import Foundation
import KubernetesClient
import Logging
import Pacing
import ProxySQLAdmin
import Scaler
import Settings

extension EffectiveSettings {
    /// The nodes of `fleet.nodes`.
    var listedNodes: [FleetNode] {
        nodes("fleet.nodes").map {
            FleetNode(
                name: $0.name, role: $0.isCore ? .core : .satellite, host: $0.admin.host, port: $0.admin.port)
        }
    }

    /// What brings configurations to the nodes, by `fleet.strategy`.
    /// - Throws: when the API server's credentials, or the base file, cannot be read.
    func fleet(_ logger: Logger) throws -> any ProxyFleet {
        switch text("fleet.strategy") {
        case "kubernetes":
            var settings = KubernetesFleet.Settings(
                namespace: optionalText("fleet.namespace"), secretPrefix: text("fleet.secret-prefix"),
                podSelector: optionalText("fleet.pod-selector") ?? "app=proxysql",
                agentPort: integer("fleet.agent-port"),
                baseFile: try optionalText("fleet.base-cnf").map {
                    try String(contentsOfFile: $0, encoding: .utf8)
                } ?? "")
            settings.tlsDirectory = text("fleet.tls-directory")
            return KubernetesFleet(
                client: try kubernetes(), agents: AgentReader(client: .shared), settings: settings, logger: logger)
        case "rollout":
            var settings = RolloutFleet.Settings(
                namespace: optionalText("fleet.namespace") ?? "proxysql", label: text("fleet.rollout-label"))
            settings.tlsDirectory = text("fleet.tls-directory")
            return RolloutFleet(client: try kubernetes(), settings: settings, logger: logger)
        default:
            let admin = adminFleet(logger)
            guard let selector = optionalText("fleet.pod-selector") else { return admin }
            let label = text("fleet.core-label").split(separator: "=", maxSplits: 1).map { String($0) }
            return DiscoveredFleet(
                client: try kubernetes(), fleet: admin,
                settings: .init(
                    namespace: optionalText("fleet.namespace"), podSelector: selector,
                    coreLabel: (label.first ?? "", label.count > 1 ? label[1] : ""),
                    adminPort: integer("fleet.admin-port")))
        }
    }

    private func adminFleet(_ logger: Logger) -> AdminFleet {
        var admin = AdminFleet.Settings(
            username: text("fleet.username"), password: secret("fleet.password") ?? Secret(""))
        admin.statementTimeout = seconds("fleet.statement-timeout-seconds")
        admin.unreachableAfter = seconds("scaler.unreachable-after-seconds")
        admin.savesToDisk = flag("fleet.save-to-disk")
        admin.tlsDirectory = text("fleet.tls-directory")
        return AdminFleet(nodes: listedNodes, settings: admin, wallClock: SystemWallClock(), logger: logger)
    }

    private func kubernetes() throws -> KubernetesClient {
        try KubernetesClient(
            .standard(
                kubeconfig: optionalText("fleet.kubeconfig"), environment: ProcessInfo.processInfo.environment))
    }
}
