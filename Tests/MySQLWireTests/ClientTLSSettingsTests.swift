import FoundationEssentials
import Logging
import MySQLWire
import NIOSSL
import Testing

@Suite("TLS settings of a client", .timeLimit(.minutes(1)))
struct ClientTLSSettingsTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/tls")

    private static func path(_ name: String) -> String { folder.appending(path: name).standardizedFileURL.path() }

    /// Logs in at a server that shows `certificate.pem`, which names localhost and is its own CA.
    private func logsIn(_ settings: ClientTLSSettings, host: String = "127.0.0.1", _ port: Int) async -> Bool {
        var configuration = MySQLConfiguration(host: host, port: port, username: "radmin", password: "secret")
        settings.apply(to: &configuration)
        guard let made = try? await MySQLConnection.connect(configuration, logger: Logger(label: "test")) else {
            return false
        }
        await made.close()
        return true
    }

    private func withTLSServer(_ body: (Int) async throws -> Void) async throws {
        let chain = try NIOSSLCertificate.fromPEMFile(Self.path("certificate.pem"))
        let key = try NIOSSLPrivateKey(file: Self.path("key.pem"), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
        var manner = ServerStateMachine.Manner(serverVersion: "8.0.36")
        (manner.plugin, manner.requiresFullProof, manner.offersTLS) = (.cachingSHA2Password, true, true)
        try await withServer(manner: manner, tls: context, body)
    }

    @Test("each mode takes the server that it may take, and no other")
    func modes() async throws {
        try await withTLSServer { port in
            for (mode, ca, host, passes) in [
                (.required, nil, "127.0.0.1", true), (.preferred, nil, "127.0.0.1", true),
                (.disabled, nil, "127.0.0.1", false),
                (.verifyCA, "certificate.pem", "127.0.0.1", true), (.verifyCA, "renewed.pem", "127.0.0.1", false),
                (.verifyIdentity, "certificate.pem", "localhost", true),
                (.verifyIdentity, "certificate.pem", "127.0.0.1", false),
                (.required, "renewed.pem", "127.0.0.1", false), (.preferred, "renewed.pem", "127.0.0.1", false),
            ] as [(ClientTLSSettings.Mode, String?, String, Bool)] {
                let settings = try ClientTLSSettings(mode: mode, caFile: ca.map(Self.path))
                #expect(await logsIn(settings, host: host, port) == passes, "\(mode) \(ca ?? "") \(host)")
            }
        }
    }

    @Test("a CA file is read again when it changes, and one that cannot be read changes nothing")
    func rotation() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "drover-ca-\(UUID().uuidString).pem").path()
        defer { try? FileManager.default.removeItem(atPath: file) }
        func put(_ name: String) throws {
            try Data(contentsOf: Self.folder.appending(path: name)).write(to: URL(filePath: file), options: .atomic)
        }
        try await withTLSServer { port in
            try put("renewed.pem")
            let settings = try ClientTLSSettings(mode: .verifyCA, caFile: file)
            #expect(await !logsIn(settings, port))
            try put("certificate.pem")
            #expect(await logsIn(settings, port))
            try Data("no PEM".utf8).write(to: URL(filePath: file), options: .atomic)
            #expect(await logsIn(settings, port))
        }
    }

    @Test("modes that verify need CA certificates, and a file that has some")
    func missing() {
        for (mode, file) in [
            (.verifyCA, nil), (.verifyIdentity, nil), (.verifyCA, "/nonexistent"), (.required, "/dev/null"),
        ]
            as [(ClientTLSSettings.Mode, String?)]
        {
            let error = #expect(throws: MySQLWireError.self) { _ = try ClientTLSSettings(mode: mode, caFile: file) }
            #expect(error?.code == .tlsUnavailable)
        }
    }
}
