import FleetModel
import Testing

@testable import KubernetesClient

/// A kubeconfig in one of the shapes that kubectl's own library is tried with (kubernetes/client-go, `tools/clientcmd`),
/// and what comes of it.
private struct Example: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The whole file; `FOLDER` is where it is.
    var text: String
    /// What it is read as, or a word of the reason why it is refused.
    var outcome: Outcome

    enum Outcome: Sendable {
        case read(server: String, namespace: String, authentication: String)
        case refused(String)
    }

    init(_ name: String, _ text: String, _ outcome: Outcome) {
        testDescription = name
        self.text = text
        self.outcome = outcome
    }

    /// One cluster, user and context; `user` and `cluster` as flow mappings.
    static func one(cluster: String = "{server: \"https://one.example:8443\"}", user: String, more: String = "")
        -> String
    {
        """
        apiVersion: v1
        kind: Config
        preferences: {}
        current-context: one
        clusters:
        - cluster: \(cluster)
          name: one
        contexts:
        - context: {cluster: one, user: one}
          name: one
        users:
        - name: one
          user: \(user)
        \(more)
        """
    }

    static func read(_ authentication: String, server: String = "https://one.example:8443") -> Outcome {
        .read(server: server, namespace: "default", authentication: authentication)
    }

    static let all: [Example] = [
        Example("a token", one(user: "{token: sesame}"), read("token")),
        Example(
            "a server with a path, and without TLS",
            one(cluster: "{server: \"http://one.example:8080/a/b\"}", user: "{token: sesame}"),
            read("token", server: "http://one.example:8080/a/b")),
        Example("nobody", one(user: "{}"), read("nobody")),
        Example("a user name with a password", one(user: "{username: me, password: sesame}"), read("password of me")),
        Example(
            "a token file, which counts beside a token", one(user: "{tokenFile: there/token, token: sesame}"),
            read("file FOLDER/there/token")),
        Example(
            "certificates as data", one(user: "{client-certificate-data: YQ==, client-key-data: Yg==}"),
            read("nobody with a certificate")),
        Example(
            "a plugin beside the file, by a relative path", one(user: "{exec: {command: ../bin/plugin, args: [a]}}"),
            read("plugin FOLDER/../bin/plugin")),
        Example("a plugin of PATH", one(user: "{exec: {command: plugin}}"), read("plugin plugin")),
        Example(
            "names that look like numbers, lists that are null, and an empty user",
            """
            apiVersion: v1
            clusters:
            - cluster: {server: "https://two.example"}
              name: "0"
            - cluster: {server: "https://one.example"}
              name: "4e3"
            contexts:
            - context: {cluster: "4e3", user: "", namespace: night}
              name: "4e3"
            current-context: "4e3"
            kind: Config
            preferences: {}
            users: null
            """, .read(server: "https://one.example", namespace: "night", authentication: "nobody")),
        Example(
            "extensions and fields that nobody here knows",
            one(
                cluster:
                    "{server: \"https://one.example:8443\", api-version: v2, extensions: [{name: a, extension: {b: c}}]}",
                user: "{token: sesame, extensions: [{name: a, extension: {b: c}}]}",
                more: "extensions: [{name: a, extension: {bytes: b}}]"), read("token")),
        Example("an auth-provider", one(user: "{auth-provider: {name: gcp}}"), .refused("auth-provider")),
        Example(
            "two ways to say who one is", one(user: "{token: sesame, username: me, password: sesame}"),
            .refused("more than one")),
        Example(
            "one name for two clusters",
            one(user: "{}").replacing(
                "contexts:", with: "- cluster: {server: \"https://two.example\"}\n  name: one\ncontexts:"),
            .refused("cluster one twice")),
        Example(
            "one name for two users", one(user: "{token: sesame}", more: "- {name: one, user: {token: other}}"),
            .refused("user one twice")),
        Example(
            "one name for two contexts",
            one(user: "{}").replacing("users:", with: "- context: {cluster: two}\n  name: one\nusers:"),
            .refused("context one twice")),
        Example(
            "a context that is not there",
            one(user: "{}").replacing("current-context: one", with: "current-context: two"),
            .refused("no context two")),
        Example("no context", one(user: "{}").replacing("current-context: one", with: ""), .refused("current-context")),
        Example("no server", one(cluster: "{}", user: "{}"), .refused("no server")),
        Example(
            "a server without its scheme", one(cluster: "{server: \"one.example:8443\"}", user: "{}"),
            .refused("https://")),
        Example(
            "a certificate without its key", one(user: "{client-certificate-data: YQ==}"),
            .refused("both a client certificate and its key")),
        Example(
            "data that is no base64", one(user: "{client-certificate-data: \"!\", client-key-data: Yg==}"),
            .refused("base64")),
        Example("no kubeconfig at all", "bogus value", .refused("not a kubeconfig")),
        Example("an empty file", "", .refused("current-context")),
    ]
}

@Suite("Kubeconfigs in the shapes of kubectl's own examples")
struct KubeconfigExamplesTests {
    @Test("each is read as kubectl reads it, or refused with a reason", arguments: Example.all)
    fileprivate func examples(example: Example) throws {
        let folder = try TemporaryFolder()
        try folder.write("config", example.text)
        func read() throws(KubernetesError) -> KubernetesConfiguration {
            try Kubeconfig.load(paths: ["\(folder.path)/config"]).configuration(context: nil)
        }
        switch example.outcome {
        case .read(let server, let namespace, let authentication):
            let configuration = try read()
            #expect(configuration.server == server)
            #expect(configuration.namespace == namespace)
            #expect(Self.shown(configuration).replacing(folder.path, with: "FOLDER") == authentication)
        case .refused(let reason):
            let error = #expect(throws: KubernetesError.self) { _ = try read() }
            let said = error?.description ?? ""
            #expect(said.contains(reason))
            #expect(said.contains(folder.path) && !said.contains("sesame"))
        }
    }

    private static func shown(_ configuration: KubernetesConfiguration) -> String {
        let who: String =
            switch configuration.authentication {
            case .none: "nobody"
            case .token: "token"
            case .tokenFile(let path): "file \(path)"
            case .password(let name, _): "password of \(name)"
            case .exec(let plugin): "plugin \(plugin.command)"
            }
        return who + (configuration.clientCertificate == nil ? "" : " with a certificate")
    }
}
