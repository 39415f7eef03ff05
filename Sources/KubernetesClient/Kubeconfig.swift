import FleetModel
import Yams

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files of `KUBECONFIG`, merged as kubectl merges them: whichever file says something first is believed, and paths
/// are relative to the file that names them (Kubernetes documentation, "Organizing Cluster Access Using kubeconfig
/// Files").
struct Kubeconfig: Sendable {
    struct Document: Decodable, Sendable {
        var currentContext: String?
        var clusters: [Named<Cluster>]?
        var users: [Named<User>]?
        var contexts: [Named<Context>]?

        enum CodingKeys: String, CodingKey {
            case currentContext = "current-context"
            case clusters, users, contexts
        }
    }

    /// `{name: N, cluster|user|context: {…}}`.
    struct Named<Value: KubeconfigValue>: Decodable, Sendable {
        var name: String
        var value: Value

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            name = try container.decode(String.self, forKey: AnyKey("name"))
            value = try container.decodeIfPresent(Value.self, forKey: AnyKey(Value.key)) ?? Value()
        }
    }

    struct Cluster: KubeconfigValue {
        static let key = "cluster"
        var server: String?
        var tlsServerName: String?
        var insecureSkipTLSVerify: Bool?
        var certificateAuthority: String?
        var certificateAuthorityData: String?
        var proxyURL: String?

        enum CodingKeys: String, CodingKey {
            case server
            case tlsServerName = "tls-server-name"
            case insecureSkipTLSVerify = "insecure-skip-tls-verify"
            case certificateAuthority = "certificate-authority"
            case certificateAuthorityData = "certificate-authority-data"
            case proxyURL = "proxy-url"
        }
    }

    struct User: KubeconfigValue {
        static let key = "user"
        var clientCertificate: String?
        var clientCertificateData: String?
        var clientKey: String?
        var clientKeyData: Secret?
        var token: Secret?
        var tokenFile: String?
        var username: String?
        var exec: Exec?
        var authProvider: AuthProvider?

        enum CodingKeys: String, CodingKey {
            case clientCertificate = "client-certificate"
            case clientCertificateData = "client-certificate-data"
            case clientKey = "client-key"
            case clientKeyData = "client-key-data"
            case token, tokenFile, username, exec
            case authProvider = "auth-provider"
        }
    }

    struct AuthProvider: Decodable, Sendable {
        var name: String?
    }

    struct Exec: Decodable, Sendable {
        struct Variable: Decodable, Sendable {
            var name: String
            var value: String
        }

        var apiVersion: String?
        var command: String
        var args: [String]?
        var env: [Variable]?
        var installHint: String?
    }

    struct Context: KubeconfigValue {
        static let key = "context"
        var cluster: String?
        var user: String?
        var namespace: String?
    }

    private(set) var currentContext: String?
    private(set) var clusters: [String: Cluster] = [:]
    private(set) var users: [String: User] = [:]
    private(set) var contexts: [String: Context] = [:]
    private(set) var paths: [String] = []

    /// Reads and merges the files; those that do not exist are left out, as kubectl does.
    /// - Throws: `configuration` when none exists or one cannot be read.
    static func load(paths: [String]) throws(KubernetesError) -> Kubeconfig {
        var merged = Kubeconfig()
        for path in paths where FileManager.default.fileExists(atPath: path) {
            let attempt = "read the kubeconfig \(path)"
            let text = String(decoding: try KubernetesConfiguration.read(path, attempt), as: UTF8.self)
            merged.paths.append(path)
            // An empty file is a valid one.
            guard !KubernetesConfiguration.trimmed(text).isEmpty else { continue }
            do {
                merged.merge(
                    try YAMLDecoder().decode(Document.self, from: text), folder: Self.folder(of: path))
            } catch {
                throw KubernetesError(.configuration, attempt, "it is not a kubeconfig: \(Self.sentence(error))")
            }
        }
        guard !merged.paths.isEmpty else {
            throw KubernetesError(
                .configuration, "read a kubeconfig", "there is no file \(paths.joined(separator: ", "))")
        }
        return merged
    }

    /// The decoder's own description may quote the file, and with it a token.
    private static func sentence(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "its YAML is broken" }
        let context: DecodingError.Context? =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: nil
            }
        let path = (context?.codingPath ?? []).map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? "its YAML is broken" : "\(path) is missing or not of the right type"
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private mutating func merge(_ document: Document, folder: String) {
        func absolute(_ path: String?) -> String? {
            path.flatMap { $0.isEmpty ? nil : $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" }
        }
        if (currentContext ?? "").isEmpty { currentContext = document.currentContext }
        for named in document.clusters ?? [] where clusters[named.name] == nil {
            var cluster = named.value
            cluster.certificateAuthority = absolute(cluster.certificateAuthority)
            clusters[named.name] = cluster
        }
        for named in document.users ?? [] where users[named.name] == nil {
            var user = named.value
            user.clientCertificate = absolute(user.clientCertificate)
            user.clientKey = absolute(user.clientKey)
            user.tokenFile = absolute(user.tokenFile)
            if let command = user.exec?.command, command.contains("/"), !command.hasPrefix("/") {
                user.exec?.command = "\(folder)/\(command)"
            }
            users[named.name] = user
        }
        for named in document.contexts ?? [] where contexts[named.name] == nil {
            contexts[named.name] = named.value
        }
    }

    /// What a context, by default the current one, says.
    /// - Throws: `configuration`, naming what is missing or not supported.
    func configuration(context wanted: String?) throws(KubernetesError) -> KubernetesConfiguration {
        let attempt = "use the kubeconfig \(paths.joined(separator: ":"))"
        func missing(_ what: String) -> KubernetesError { KubernetesError(.configuration, attempt, what) }
        guard let name = wanted ?? currentContext, !name.isEmpty else {
            throw missing("it has no current-context; name a context")
        }
        guard let context = contexts[name] else { throw missing("it has no context \(name)") }
        guard let clusterName = context.cluster, let cluster = clusters[clusterName] else {
            throw missing("its context \(name) names no cluster that is there")
        }
        guard let server = cluster.server, server.hasPrefix("https://") || server.hasPrefix("http://") else {
            throw missing("its cluster \(clusterName) has no server that begins with https://")
        }
        if let proxy = cluster.proxyURL, !proxy.isEmpty {
            throw missing("its cluster \(clusterName) has a proxy-url, which is not supported")
        }
        var configuration = KubernetesConfiguration(
            server: server, namespace: context.namespace.flatMap { $0.isEmpty ? nil : $0 } ?? "default",
            origin: "context \(name) of \(paths.joined(separator: ":"))")
        configuration.tlsServerName = cluster.tlsServerName
        configuration.trust = try trust(cluster, clusterName, attempt)
        guard let userName = context.user, !userName.isEmpty else { return configuration }
        guard let user = users[userName] else { throw missing("it has no user \(userName)") }
        if user.authProvider != nil || user.username != nil {
            throw missing("its user \(userName) needs an auth-provider or a password; use an exec plugin or a token")
        }
        configuration.clientCertificate = try certificate(user, userName, attempt)
        if let path = user.tokenFile {
            // Of both, the file counts, as in client-go.
            configuration.authentication = .tokenFile(path)
        } else if let token = user.token, !token.isEmpty {
            configuration.authentication = .token(token)
        } else if let exec = user.exec {
            configuration.authentication = .exec(
                ExecPlugin(
                    apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1", command: exec.command,
                    arguments: exec.args ?? [],
                    environment: Dictionary((exec.env ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                    installHint: exec.installHint))
        }
        return configuration
    }

    private func trust(
        _ cluster: Cluster, _ name: String, _ attempt: String
    ) throws(KubernetesError) -> KubernetesConfiguration.Trust {
        if cluster.insecureSkipTLSVerify == true { return .nothing }
        if let data = cluster.certificateAuthorityData, !data.isEmpty {
            guard let bytes = Base64.decode(data) else {
                throw KubernetesError(
                    .configuration, attempt, "certificate-authority-data of its cluster \(name) is not base64")
            }
            return .authorities(bytes)
        }
        guard let path = cluster.certificateAuthority else { return .system }
        return .authorities(try KubernetesConfiguration.read(path, attempt))
    }

    private func certificate(
        _ user: User, _ name: String, _ attempt: String
    ) throws(KubernetesError) -> KubernetesConfiguration.ClientCertificate? {
        func bytes(_ data: String?, _ path: String?, _ what: String) throws(KubernetesError) -> [UInt8]? {
            if let data, !data.isEmpty {
                guard let bytes = Base64.decode(data) else {
                    throw KubernetesError(.configuration, attempt, "\(what)-data of its user \(name) is not base64")
                }
                return bytes
            }
            guard let path else { return nil }
            return try KubernetesConfiguration.read(path, attempt)
        }
        let chain = try bytes(user.clientCertificateData, user.clientCertificate, "client-certificate")
        let key = try bytes(user.clientKeyData?.reveal(), user.clientKey, "client-key")
        switch (chain, key) {
        case (nil, nil): return nil
        case (let chain?, let key?):
            return .init(chain: chain, key: Secret(String(decoding: key, as: UTF8.self)))
        default:
            throw KubernetesError(
                .configuration, attempt, "its user \(name) needs both a client certificate and its key")
        }
    }
}

/// What a kubeconfig has under a name; one that says nothing is empty.
protocol KubeconfigValue: Decodable, Sendable {
    /// The key beside `name`.
    static var key: String { get }
    init()
}

private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
