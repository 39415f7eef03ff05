package import FleetModel
import Foundations

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which API server to talk to, as whom, and whom to believe.
package struct KubernetesConfiguration: Sendable {
    /// Whose certificates the server's is checked against.
    package enum Trust: Sendable {
        /// The machine's own list.
        case system
        /// These certificate authorities, PEM.
        case authorities([UInt8])
        /// Nothing is checked; only when a kubeconfig says `insecure-skip-tls-verify`.
        case nothing
    }

    /// How calls say who they are from.
    package enum Authentication: Sendable {
        /// Not at all, or by a client certificate.
        case none
        /// A fixed bearer token.
        case token(Secret)
        /// A user name and its password.
        case password(String, Secret)
        /// A file with a bearer token that is replaced from time to time.
        case tokenFile(String)
        /// A program that prints an `ExecCredential`.
        case exec(ExecPlugin)
    }

    /// A client certificate and its key, PEM.
    package struct ClientCertificate: Sendable {
        /// The certificate and what leads to its authority.
        package var chain: [UInt8]
        /// The key.
        package var key: Secret
    }

    /// For example `https://10.0.0.1:443`.
    package var server: String
    /// The name that the server's certificate must have, when it is not that of `server`.
    package var tlsServerName: String?
    /// Whose certificates the server's is checked against.
    package var trust: Trust
    /// A client certificate.
    package var clientCertificate: ClientCertificate?
    /// How calls say who they are from.
    package var authentication: Authentication
    /// The headers of a caller that acts as somebody else (Kubernetes documentation, "User impersonation").
    package var impersonation: [(name: String, value: String)] = []
    /// The namespace that is meant where none is named.
    package var namespace: String
    /// Where the configuration came from, for messages.
    package var origin: String

    /// Makes a configuration, for example of a stand-in.
    package init(
        server: String, trust: Trust = .system, authentication: Authentication = .none, namespace: String = "default",
        origin: String = "given"
    ) {
        self.server = server
        self.trust = trust
        self.authentication = authentication
        self.namespace = namespace
        self.origin = origin
    }

    /// Where a pod finds its service account (Kubernetes documentation, "Accessing the Kubernetes API from a Pod").
    package static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The credentials of the pod that this process runs in.
    /// - Throws: `configuration`, naming what is missing.
    package static func inCluster(
        environment: [String: String], folder: String = serviceAccountFolder
    ) throws(KubernetesError) -> KubernetesConfiguration {
        let attempt = "use the pod's service account"
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty else {
            throw KubernetesError(.configuration, attempt, "KUBERNETES_SERVICE_HOST is not set: this is not a pod")
        }
        let port = environment["KUBERNETES_SERVICE_PORT"].flatMap { $0.isEmpty ? nil : $0 } ?? "443"
        guard FileManager.default.isReadableFile(atPath: "\(folder)/token") else {
            throw KubernetesError(
                .configuration, attempt,
                "\(folder)/token cannot be read; set automountServiceAccountToken, or name a kubeconfig")
        }
        let authorities = try read("\(folder)/ca.crt", attempt)
        let namespace = (try? read("\(folder)/namespace", attempt)).map { String(decoding: $0, as: UTF8.self) }
        return KubernetesConfiguration(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", trust: .authorities(authorities),
            authentication: .tokenFile("\(folder)/token"), namespace: namespace.map(trimmed) ?? "default",
            origin: "the pod's service account")
    }

    /// What a person expects: the named file, else the files of `KUBECONFIG`, else the pod's service account, else
    /// `~/.kube/config`.
    /// - Throws: `configuration`, saying which of them was taken and what is wrong with it.
    package static func standard(
        kubeconfig path: String? = nil, context: String? = nil, environment: [String: String]
    ) throws(KubernetesError) -> KubernetesConfiguration {
        if let path, !path.isEmpty {
            return try Kubeconfig.load(paths: [path]).configuration(context: context)
        }
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return try Kubeconfig.load(paths: list.split(separator: ":").map { String($0) })
                .configuration(context: context)
        }
        if context == nil, environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false {
            return try inCluster(environment: environment)
        }
        if let home = environment["HOME"], FileManager.default.fileExists(atPath: "\(home)/.kube/config") {
            return try Kubeconfig.load(paths: ["\(home)/.kube/config"]).configuration(context: context)
        }
        throw KubernetesError(
            .configuration, "find an API server",
            "no kubeconfig is named, KUBECONFIG is not set, this is not a pod, and there is no ~/.kube/config")
    }

    static func read(_ path: String, _ attempt: String) throws(KubernetesError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.configuration, attempt, "\(path) cannot be read")
        }
        return Array(data)
    }

    static func trimmed(_ text: String) -> String {
        OutsideText.trimmed(text)
    }
}
