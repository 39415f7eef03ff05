import FleetModel
import Foundation
import Foundations
import JSONValues
import Testing

@testable import KubernetesClient

@Suite("Kubeconfigs as people have them")
struct KubeconfigShapesTests {
    private static func configuration(
        cluster: String = "server: https://127.0.0.1:6443", user: String
    ) throws -> KubernetesConfiguration {
        let folder = try TemporaryFolder()
        try folder.write(
            "config",
            """
            apiVersion: v1
            kind: Config
            current-context: case
            clusters:
            - name: case
              cluster:
            \(indented(cluster, by: 4))
            users:
            - name: case
              user:
            \(indented(user, by: 4))
            contexts:
            - name: case
              context: {cluster: case, user: case}
            """)
        return try Kubeconfig.load(paths: ["\(folder.path)/config"]).configuration(context: nil)
    }

    private static func indented(_ text: String, by count: Int) -> String {
        text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
    }

    @Test(
        "base64 in a block of YAML, folded or literal, is the same as on one line",
        arguments: [">-", "|", ">", "|-"])
    func blocks(style: String) throws {
        let cluster = """
            server: https://127.0.0.1:6443
            certificate-authority-data: \(style)
              Y2VydGlm
              aWNhdGU=
            """
        let configuration = try Self.configuration(cluster: cluster, user: "token: secret-token")
        guard case .authorities(let bytes) = configuration.trust else { return #expect(Bool(false), "no authority") }
        #expect(String(decoding: bytes, as: UTF8.self) == "certificate")
    }

    @Test("a plugin that wants to know the cluster is told of it, with what the kubeconfig says for plugins")
    func clusterInformation() throws {
        let cluster = """
            server: https://127.0.0.1:6443
            tls-server-name: api.example
            certificate-authority-data: Y2VydGlmaWNhdGU=
            extensions:
            - name: client.authentication.k8s.io/exec
              extension: {audience: drover-case}
            """
        let user = """
            exec:
              apiVersion: client.authentication.k8s.io/v1
              command: plugin
              provideClusterInfo: true
              interactiveMode: IfAvailable
            """
        let configuration = try Self.configuration(cluster: cluster, user: user)
        guard case .exec(let plugin) = configuration.authentication else { return #expect(Bool(false), "no plugin") }
        #expect(
            plugin.cluster == [
                "server": "https://127.0.0.1:6443", "tls-server-name": "api.example",
                "certificate-authority-data": "Y2VydGlmaWNhdGU=", "config": ["audience": "drover-case"],
            ])
        let silent = try Self.configuration(
            cluster: cluster, user: user.replacing("provideClusterInfo: true", with: "provideClusterInfo: false"))
        guard case .exec(let plugin) = silent.authentication else { return #expect(Bool(false), "no plugin") }
        #expect(plugin.cluster == nil)
    }

    @Test("a plugin that must ask at a terminal is refused with what to do")
    func terminal() throws {
        let error = #expect(throws: KubernetesError.self) {
            _ = try Self.configuration(user: "exec: {command: plugin, interactiveMode: Always}")
        }
        #expect(error?.description.contains("terminal") == true)
    }

    @Test("a user name stands beside a certificate, and with a password by itself")
    func userNames() throws {
        let pair = """
            username: admin
            client-certificate-data: Y2VydGlmaWNhdGU=
            client-key-data: a2V5
            """
        let beside = try Self.configuration(user: pair)
        #expect(beside.clientCertificate?.key.reveal() == "key")
        let alone = try Self.configuration(user: "username: admin\npassword: opensesame")
        guard case .password("admin", let password) = alone.authentication else {
            return #expect(Bool(false), "no password")
        }
        #expect(password.reveal() == "opensesame")
    }

    @Test("who acts as somebody else says so in the headers of the API server")
    func impersonation() throws {
        let user = """
            token: secret-token
            as: robot
            as-uid: "42"
            as-groups: [fleet, night]
            as-user-extra: {"example.com/scope": [read]}
            """
        let headers = try Self.configuration(user: user).impersonation.map { "\($0.name): \($0.value)" }
        #expect(
            headers == [
                "Impersonate-User: robot", "Impersonate-Uid: 42", "Impersonate-Group: fleet",
                "Impersonate-Group: night",
                "Impersonate-Extra-example.com%2Fscope: read",
            ])
        let error = #expect(throws: KubernetesError.self) {
            _ = try Self.configuration(user: "token: secret-token\nas-groups: [fleet]")
        }
        #expect(error?.description.contains("without as") == true)
    }
}
