import FleetModel
import Foundations
import JSONValues
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

        /// What stands in one list under one name twice, which kubectl refuses.
        var twice: String? {
            func first(_ kind: String, _ names: [String]?) -> String? {
                var seen: Set<String> = []
                return names?.first { !seen.insert($0).inserted }.map { "\(kind) \($0)" }
            }
            return first("cluster", clusters?.map(\.name)) ?? first("user", users?.map(\.name))
                ?? first("context", contexts?.map(\.name))
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
        var extensions: [Extension]?

        enum CodingKeys: String, CodingKey {
            case server
            case tlsServerName = "tls-server-name"
            case insecureSkipTLSVerify = "insecure-skip-tls-verify"
            case certificateAuthority = "certificate-authority"
            case certificateAuthorityData = "certificate-authority-data"
            case proxyURL = "proxy-url"
            case extensions
        }
    }

    /// What a cluster says to programs that know its name; one name is for credential plugins.
    struct Extension: Decodable, Sendable {
        static let forPlugins = "client.authentication.k8s.io/exec"
        var name: String
        var `extension`: JSONValue?
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
        var password: Secret?
        var impersonated: String?
        var impersonatedUID: String?
        var impersonatedGroups: [String]?
        var impersonatedExtra: [String: [String]]?
        var exec: Exec?
        var authProvider: AuthProvider?

        enum CodingKeys: String, CodingKey {
            case clientCertificate = "client-certificate"
            case clientCertificateData = "client-certificate-data"
            case clientKey = "client-key"
            case clientKeyData = "client-key-data"
            case token, tokenFile, username, password, exec
            case impersonated = "as"
            case impersonatedUID = "as-uid"
            case impersonatedGroups = "as-groups"
            case impersonatedExtra = "as-user-extra"
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
        var provideClusterInfo: Bool?
        var interactiveMode: String?
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
            let bytes = try KubernetesConfiguration.read(path, attempt)
            let text: String
            do throws(UnusableFile) {
                text = try OutsideText.text(bytes)
            } catch {
                throw KubernetesError(.configuration, attempt, "it is not a kubeconfig: \(error)")
            }
            merged.paths.append(path)
            // An empty file is a valid one.
            guard !KubernetesConfiguration.trimmed(text).isEmpty else { continue }
            let document: Document
            do {
                document = try YAMLDecoder().decode(Document.self, from: text)
            } catch {
                throw KubernetesError(.configuration, attempt, "it is not a kubeconfig: \(YAMLProblem.sentence(error))")
            }
            if let name = document.twice {
                throw KubernetesError(
                    .configuration, attempt, "it has the \(name) twice, and nothing says which is meant")
            }
            merged.merge(document, folder: Self.folder(of: path))
        }
        guard !merged.paths.isEmpty else {
            throw KubernetesError(
                .configuration, "read a kubeconfig", "there is no file \(paths.joined(separator: ", "))")
        }
        return merged
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
        if user.authProvider != nil {
            throw missing("its user \(userName) needs an auth-provider; use an exec plugin or a token")
        }
        let (hasToken, hasName) = (user.token?.isEmpty == false, user.username?.isEmpty == false)
        guard [hasToken, hasName, user.exec != nil].count(where: { $0 }) <= 1 else {
            throw missing("its user \(userName) has more than one of token, username and exec; kubectl takes one")
        }
        configuration.impersonation = try Self.impersonation(user, userName, attempt)
        configuration.clientCertificate = try certificate(user, userName, attempt)
        if let path = user.tokenFile {
            // Of both, the file counts, as in client-go.
            configuration.authentication = .tokenFile(path)
        } else if let token = user.token, !token.isEmpty {
            configuration.authentication = .token(token)
        } else if let name = user.username, !name.isEmpty {
            configuration.authentication = .password(name, user.password ?? Secret(""))
        } else if let exec = user.exec {
            if exec.interactiveMode == "Always" {
                throw missing(
                    "its user \(userName) has a plugin that asks at a terminal; use one that does not, or a token")
            }
            var plugin = ExecPlugin(
                apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1", command: exec.command,
                arguments: exec.args ?? [],
                environment: Dictionary((exec.env ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                installHint: exec.installHint)
            if exec.provideClusterInfo == true {
                plugin.cluster = Self.information(cluster, server, configuration.trust)
            }
            configuration.authentication = .exec(plugin)
        }
        return configuration
    }

    /// `as` and what goes with it, as headers.
    private static func impersonation(
        _ user: User, _ name: String, _ attempt: String
    ) throws(KubernetesError) -> [(name: String, value: String)] {
        var headers =
            (user.impersonatedUID.map { [("Impersonate-Uid", $0)] } ?? [])
            + (user.impersonatedGroups ?? []).map { ("Impersonate-Group", $0) }
        for (key, values) in (user.impersonatedExtra ?? [:]).sorted(by: { $0.key < $1.key }) {
            headers += values.map { ("Impersonate-Extra-\(headerName(key.lowercased()))", $0) }
        }
        guard let other = user.impersonated, !other.isEmpty else {
            guard headers.isEmpty else {
                throw KubernetesError(
                    .configuration, attempt, "its user \(name) has as-groups, as-uid or as-user-extra without as")
            }
            return []
        }
        return [("Impersonate-User", other)] + headers.map { (name: $0.0, value: $0.1) }
    }

    /// `key` as a part of a header's name: what none may have is percent-encoded, as the API server undoes it.
    private static func headerName(_ key: String) -> String {
        let allowed = Set("!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        let digits = Array("0123456789ABCDEF")
        return key.utf8.map { byte in
            allowed.contains(byte)
                ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }

    /// `spec.cluster` of what a plugin is told (Kubernetes documentation, "client-go credential plugins").
    private static func information(
        _ cluster: Cluster, _ server: String, _ trust: KubernetesConfiguration.Trust
    ) -> JSONValue {
        var told: JSONValue = ["server": .string(server)]
        if let name = cluster.tlsServerName { told["tls-server-name"] = .string(name) }
        switch trust {
        case .nothing: told["insecure-skip-tls-verify"] = true
        case .authorities(let bytes): told["certificate-authority-data"] = .string(Base64.encode(bytes))
        case .system: break
        }
        told["config"] = cluster.extensions?.first { $0.name == Extension.forPlugins }?.extension
        return told
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
