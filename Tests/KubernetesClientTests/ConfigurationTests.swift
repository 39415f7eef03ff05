import FleetModel
import Pacing
import TestSupport
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@testable import KubernetesClient

/// A folder that goes with the test.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("drover-kube-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    func write(_ name: String, _ text: String, mode: Int = 0o600) throws {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

@Suite("Where the API server is and who we are")
struct ConfigurationTests {
    private static let first = """
        apiVersion: v1
        kind: Config
        current-context: one
        clusters:
        - name: near
          cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt, tls-server-name: api.example}
        users:
        - name: robot
          user: {token: s3cret-token}
        contexts:
        - name: one
          context: {cluster: near, user: robot, namespace: fleet}
        """
    private static let second = """
        current-context: two
        clusters:
        - name: near
          cluster: {server: "https://127.0.0.9:1"}
        - name: far
          cluster: {server: "https://127.0.0.2:6443/", insecure-skip-tls-verify: true}
        users:
        - name: robot
          user: {token: other}
        - name: file
          user: {tokenFile: token, token: ignored}
        - name: plugin
          user:
            exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./helper, args: [a, b],
                   env: [{name: X, value: y}]}
        contexts:
        - name: two
          context: {cluster: far, user: file}
        - name: three
          context: {cluster: far, user: plugin}
        - name: broken
          context: {cluster: nowhere, user: file}
        """

    @Test("Whichever file of KUBECONFIG says something first is believed, with paths relative to its own folder")
    func mergedFiles() throws {
        let folder = try TemporaryFolder()
        try folder.write("a", Self.first)
        try folder.write("b", Self.second)
        try folder.write("ca.crt", "authority")
        let environment = ["KUBECONFIG": "\(folder.path)/absent:\(folder.path)/a:\(folder.path)/b"]
        let one = try KubernetesConfiguration.standard(environment: environment)
        #expect(one.server == "https://127.0.0.1:6443")
        #expect(one.tlsServerName == "api.example")
        #expect(one.namespace == "fleet")
        guard case .authorities(let bytes) = one.trust, case .token(let token) = one.authentication else {
            Issue.record("not what the first file says: \(one)")
            return
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "authority")
        #expect(token.reveal() == "s3cret-token")
        #expect(!"\(one)".contains("s3cret-token"))

        let two = try KubernetesConfiguration.standard(context: "two", environment: environment)
        guard case .nothing = two.trust, case .tokenFile(let path) = two.authentication else {
            Issue.record("not what the second file says: \(two)")
            return
        }
        #expect(path == "\(folder.path)/token")
        #expect(two.namespace == "default")

        let three = try KubernetesConfiguration.standard(context: "three", environment: environment)
        guard case .exec(let plugin) = three.authentication else {
            Issue.record("no plugin: \(three)")
            return
        }
        #expect(plugin.command == "\(folder.path)/./helper")
        #expect(plugin.arguments == ["a", "b"])
        #expect(plugin.environment == ["X": "y"])
    }

    @Test("What is missing is named, and no file's content is quoted")
    func missing() throws {
        let folder = try TemporaryFolder()
        try folder.write("b", Self.second)
        try folder.write("c", "clusters: {name: s3cret")
        func message(_ path: String, _ context: String?) -> String {
            do throws(KubernetesError) {
                _ = try KubernetesConfiguration.standard(
                    kubeconfig: "\(folder.path)/\(path)", context: context, environment: [:])
                return ""
            } catch {
                return error.description
            }
        }
        #expect(message("b", "broken").contains("names no cluster that is there"))
        #expect(message("b", "nine").contains("no context nine"))
        #expect(message("absent", nil).contains("there is no file"))
        #expect(message("c", nil).contains("not a kubeconfig"))
        #expect(!message("c", nil).contains("s3cret"))
    }

    @Test("A pod finds its service account, and outside of one that is said")
    func inCluster() throws {
        let folder = try TemporaryFolder()
        try folder.write("token", "t\n")
        try folder.write("ca.crt", "authority")
        try folder.write("namespace", "fleet\n")
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        let found = try KubernetesConfiguration.inCluster(environment: environment, folder: folder.path)
        #expect(found.server == "https://[fd00::1]:443")
        #expect(found.namespace == "fleet")
        #expect(throws: KubernetesError.self) {
            try KubernetesConfiguration.inCluster(environment: [:], folder: folder.path)
        }
    }

    @Test("A rotated token file is read anew within a minute, and at once when the server refuses the token")
    func rotation() async throws {
        let folder = try TemporaryFolder()
        let wallClock = TestWallClock()
        let source = CredentialSource(
            .tokenFile("\(folder.path)/token"), wallClock: wallClock, clock: ManualClock())
        try folder.write("token", "one\n")
        #expect(try await source.token()?.reveal() == "one")
        try folder.write("token", "two")
        #expect(try await source.token()?.reveal() == "one")
        wallClock.advance(by: .seconds(60))
        #expect(try await source.token()?.reveal() == "two")
        try folder.write("token", "three")
        let old = try await source.token()
        #expect(await source.refuse(old))
        #expect(try await source.token()?.reveal() == "three")
        // While kubelet swaps the file there may be nothing to read.
        try folder.write("token", "")
        wallClock.advance(by: .seconds(60))
        #expect(try await source.token()?.reveal() == "three")
    }

    @Test("A plugin's token is kept until shortly before it expires")
    func plugin() async throws {
        let folder = try TemporaryFolder()
        let wallClock = TestWallClock(Timestamp(secondsSinceEpoch: 1_800_000_000))
        let expires = MicroTime.wholeSeconds(Timestamp(secondsSinceEpoch: 1_800_000_600))
        try folder.write(
            "helper",
            """
            #!/bin/sh
            echo "$X$1" >> "\(folder.path)/calls"
            echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
            echo '"status":{"token":"from-plugin","expirationTimestamp":"\(expires)"}}'
            """, mode: 0o700)
        let plugin = ExecPlugin(command: "\(folder.path)/helper", arguments: ["arg"], environment: ["X": "env-"])
        let source = CredentialSource(.exec(plugin), wallClock: wallClock, clock: ContinuousClock())
        try await withThrowingTaskGroup(of: String?.self) { callers in
            for _ in 0..<5 { callers.addTask { try await source.token()?.reveal() } }
            for try await token in callers { #expect(token == "from-plugin") }
        }
        #expect(try await source.token()?.reveal() == "from-plugin")
        #expect(try String(contentsOfFile: "\(folder.path)/calls", encoding: .utf8) == "env-arg\n", "once for all")
        wallClock.advance(by: .seconds(595))
        #expect(try await source.token()?.reveal() == "from-plugin")
        #expect(try String(contentsOfFile: "\(folder.path)/calls", encoding: .utf8) == "env-arg\nenv-arg\n")
    }

    @Test("A plugin that fails, or prints something else, says so in its own last words")
    func brokenPlugins() async throws {
        let folder = try TemporaryFolder()
        try folder.write("fails", "#!/bin/sh\necho s3cret\necho 'please log in' >&2\nexit 3\n", mode: 0o700)
        try folder.write("chats", "#!/bin/sh\necho hello s3cret\n", mode: 0o700)
        for (name, words) in [("fails", "please log in"), ("chats", "did not print an ExecCredential")] {
            let plugin = ExecPlugin(command: "\(folder.path)/\(name)")
            do throws(KubernetesError) {
                _ = try await plugin.run(deadline: .seconds(60), clock: ContinuousClock())
                Issue.record("\(name) gave a credential")
            } catch {
                #expect(error.code == .configuration)
                #expect(error.message.contains(words), "\(error)")
                #expect(!error.message.contains("s3cret"))
            }
        }
    }

    @Test("A plugin that hangs is ended at its deadline, with everything that it started", .timeLimit(.minutes(1)))
    func hangingPlugin() async throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "hangs", "#!/bin/sh\nsleep 600 &\necho $! > \"\(folder.path)/child\"\n: > \"\(folder.path)/up\"\nwait\n",
            mode: 0o700)
        let plugin = ExecPlugin(command: "\(folder.path)/hangs")
        let clock = ManualClock()
        async let code: KubernetesError.Code? = {
            do throws(KubernetesError) {
                _ = try await plugin.run(deadline: .seconds(60), clock: clock)
                return nil
            } catch {
                return error.code
            }
        }()
        while !FileManager.default.fileExists(atPath: "\(folder.path)/up") { await Task.yield() }
        await clock.waitForSleeps { $0 == [.seconds(60)] }
        clock.advance(by: .seconds(60))
        #expect(await code == .timeout)
        let child = try String(contentsOfFile: "\(folder.path)/child", encoding: .utf8).split(separator: "\n").first
        let identifier = try #require(child.flatMap { Int32($0) })
        // Gone, or a zombie that nobody has waited for; the signal was sent, and the kernel takes its time.
        while let state = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8),
            !state.contains(") Z ")
        {
            await Task.yield()
        }
    }
}
