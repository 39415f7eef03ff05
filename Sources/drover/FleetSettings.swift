import AsyncHTTPClient
import FleetModel
import Foundation
import Foundations
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
    func fleet(_ logger: Logger) throws -> any ProxyFleet & FleetRehearsal {
        switch text("fleet.strategy") {
        case "kubernetes":
            var settings = KubernetesFleet.Settings(
                namespace: optionalText("fleet.namespace"), secretPrefix: text("fleet.secret-prefix"),
                podSelector: optionalText("fleet.pod-selector") ?? Self.usualSelector,
                agentPort: integer("fleet.agent-port"),
                baseFile: try optionalText("fleet.base-cnf").map(Self.baseFile) ?? "")
            settings.tlsDirectory = text("fleet.tls-directory")
            return KubernetesFleet(
                client: try kubernetes(), agents: AgentReader(client: .shared), settings: settings, logger: logger)
        case "rollout":
            var settings = RolloutFleet.Settings(
                namespace: optionalText("fleet.namespace") ?? "proxysql", label: text("fleet.rollout-label"))
            settings.tlsDirectory = text("fleet.tls-directory")
            return RolloutFleet(client: try kubernetes(), settings: settings, logger: logger)
        default:
            let admin = try adminFleet(logger)
            guard optionalText("fleet.pod-selector") != nil else { return admin }
            return DiscoveredFleet(directory: try nodeDirectory(), fleet: admin)
        }
    }

    /// Reads what `fleet(_:)` and `nodeDirectory()` read, and makes no client.
    /// - Throws: as they do.
    func checkFleet() throws {
        if text("fleet.strategy") != "admin" || optionalText("fleet.pod-selector") != nil {
            _ = try KubernetesConfiguration.standard(
                kubeconfig: optionalText("fleet.kubeconfig"), environment: ProcessInfo.processInfo.environment)
        }
        if text("fleet.strategy") == "kubernetes" { _ = try optionalText("fleet.base-cnf").map(Self.baseFile) }
        _ = try clientTLS("fleet.tls", "fleet.allow-public-key-retrieval")
    }

    /// Which nodes there are: the pods of `fleet.pod-selector` where it is set or the strategy implies it, else those
    /// of `fleet.nodes`.
    /// - Throws: when the API server's credentials cannot be read.
    func nodeDirectory() throws -> any NodeDirectory {
        let implied = text("fleet.strategy") == "kubernetes" && listedNodes.isEmpty ? Self.usualSelector : nil
        guard let selector = optionalText("fleet.pod-selector") ?? implied else { return ListedNodes(listedNodes) }
        let label = text("fleet.core-label").split(separator: "=", maxSplits: 1).map { String($0) }
        return PodNodes(
            client: try kubernetes(),
            settings: .init(
                namespace: optionalText("fleet.namespace"), podSelector: selector,
                coreLabel: (label.first ?? "", label.count > 1 ? label[1] : ""),
                adminPort: integer("fleet.admin-port")))
    }

    /// What looks at the nodes' tables before places in them are given out; nil where nodes are restarted with a file, or
    /// where this process is not told how to reach them.
    func nodeSurvey(_ logger: Logger) -> (any NodeSurveying)? {
        guard text("fleet.strategy") != "rollout", let password = secret("fleet.password"),
            let directory = try? nodeDirectory(),
            let tls = try? clientTLS("fleet.tls", "fleet.allow-public-key-retrieval")
        else { return nil }
        var access = AdminSurvey.Settings(username: text("fleet.username"), password: password)
        access.tls = tls
        return AdminSurvey(directory: directory, settings: access, wallClock: SystemWallClock(), logger: logger)
    }

    private static let usualSelector = "app=proxysql"

    private static func baseFile(_ path: String) throws(SettingsError) -> String {
        do throws(UnusableFile) {
            return try InputFile.existingText(path)
        } catch {
            throw SettingsError(complaints: ["fleet.base-cnf: \(path) cannot be read: \(error)"])
        }
    }

    private func adminFleet(_ logger: Logger) throws -> AdminFleet {
        var admin = AdminFleet.Settings(
            username: text("fleet.username"), password: secret("fleet.password") ?? Secret(""))
        admin.statementTimeout = seconds("fleet.statement-timeout-seconds")
        admin.unreachableAfter = seconds("scaler.unreachable-after-seconds")
        admin.savesToDisk = flag("fleet.save-to-disk")
        admin.tls = try clientTLS("fleet.tls", "fleet.allow-public-key-retrieval")
        admin.tlsDirectory = text("fleet.tls-directory")
        admin.verifyEvery = seconds("scaler.resync-seconds")
        return AdminFleet(nodes: listedNodes, settings: admin, wallClock: SystemWallClock(), logger: logger)
    }

    private func kubernetes() throws -> KubernetesClient {
        try KubernetesClient(
            .standard(
                kubeconfig: optionalText("fleet.kubeconfig"), environment: ProcessInfo.processInfo.environment))
    }
}
