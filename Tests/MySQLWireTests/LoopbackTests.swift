import FoundationEssentials
import Logging
import MySQLWire
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import _CryptoExtras

/// Answers a few statements and knows one user.
struct EchoSession: MySQLServerSession {
    func password(of username: String) async -> String? {
        username == "radmin" ? "secret" : nil
    }

    func respond(to command: MySQLServerCommand) async -> MySQLServerResponse {
        switch command {
        case .ping, .selectDatabase: return .ok()
        case .query("OK"): return .ok(affectedRows: 7)
        case .query("ERR"): return .error(MySQLServerError(code: 1045, sqlState: "28000", message: "no"))
        case .query("HANG"):
            try? await Task.sleep(for: .seconds(600))
            return .close
        case .query("DROP"): return .close
        case .query("NULLS"):
            return .rows([MySQLColumn(name: "a"), MySQLColumn(name: "b")], [[nil, ""], ["x", nil]])
        case .query(let text) where text.hasPrefix("ROWS "):
            let count = Int(text.dropFirst(5)) ?? 0
            return .rows([MySQLColumn(name: "n")], (0..<count).map { ["\($0)"] })
        case .query(let text): return .rows([MySQLColumn(name: "echo")], [[text]])
        case .quit, .other: return .close
        }
    }
}

/// Runs `body` beside a server on a free port of the loopback.
func withServer(
    manner: ServerStateMachine.Manner = .init(serverVersion: "5.5.30"), tls: NIOSSLContext? = nil,
    _ body: (Int) async throws -> Void
) async throws {
    let logger = Logger(label: "test")
    var configuration = MySQLServer.Configuration(host: "127.0.0.1", port: 0, manner: manner)
    configuration.tls = tls
    let server = try await MySQLServer.listen(configuration, logger: logger) { _ in EchoSession() }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await server.run() }
        try await body(server.port)
        await server.stop()
        tasks.cancelAll()
    }
}

@Suite("A client and a server over loopback", .timeLimit(.minutes(1)))
struct LoopbackTests {
    func connect(
        _ port: Int, password: String = "secret", allowsPublicKeyRetrieval: Bool = false
    ) async throws -> MySQLConnection {
        var configuration = MySQLConfiguration(
            host: "127.0.0.1", port: port, username: "radmin", password: password)
        configuration.allowsPublicKeyRetrieval = allowsPublicKeyRetrieval
        return try await MySQLConnection.connect(configuration, logger: Logger(label: "test"))
    }

    @Test("a client that was accepted and not served yet is dropped when the server stops")
    func stoppedBeforeServed() async throws {
        let server = try await MySQLServer.listen(
            .init(host: "127.0.0.1", port: 0, manner: .init(serverVersion: "5.5.30")), logger: Logger(label: "test")
        ) { _ in EchoSession() }
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: server.port).get()
        while server.connectionCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
        await server.stop()
        try await client.closeFuture.get()
        try? await server.run()
    }

    @Test(
        "log in by each method",
        arguments: [
            AuthenticationPlugin.nativePassword, .cachingSHA2Password,
        ])
    func logIn(plugin: AuthenticationPlugin) async throws {
        var manner = ServerStateMachine.Manner(serverVersion: "8.0.36")
        manner.plugin = plugin
        try await withServer(manner: manner) { port in
            let connection = try await connect(port)
            #expect(connection.serverVersion == "8.0.36")
            try await connection.ping()
            try await connection.selectDatabase("main")
            await connection.close()
            #expect(!connection.isOpen)
        }
    }

    @Test("without TLS the password goes to no key that the server offers, unless that is allowed")
    func fullExchange() async throws {
        let key = try _RSA.Encryption.PrivateKey(keySize: .bits2048)
        var manner = ServerStateMachine.Manner(serverVersion: "8.0.36")
        manner.plugin = .cachingSHA2Password
        manner.requiresFullProof = true
        manner.rsaKey = (key.pemRepresentation, key.publicKey.pemRepresentation)
        try await withServer(manner: manner) { port in
            let refusal = await #expect(throws: MySQLWireError.self) { _ = try await connect(port) }
            #expect(refusal?.code == .authenticationUnsupported)
            #expect(refusal?.message.contains("secret") == false)
            let connection = try await connect(port, allowsPublicKeyRetrieval: true)
            #expect(try await connection.query("OK").affectedRows == 7)
            await connection.close()
            await #expect(throws: MySQLServerError.self) {
                _ = try await connect(port, password: "wrong", allowsPublicKeyRetrieval: true)
            }
        }
    }

    @Test("log in over TLS: by each method, and by the full exchange that sends the password itself")
    func tls() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/tls")
        let certificate = folder.appending(path: "certificate.pem").standardizedFileURL.path()
        let server = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(
                    NIOSSLPrivateKey(
                        file: folder.appending(path: "key.pem").standardizedFileURL.path(), format: .pem))))
        var trusting = TLSConfiguration.makeClientConfiguration()
        trusting.trustRoots = .file(certificate)
        let client = try NIOSSLContext(configuration: trusting)
        let stranger = try NIOSSLContext(configuration: .makeClientConfiguration())
        for (plugin, isFull) in [
            (AuthenticationPlugin.nativePassword, false), (.cachingSHA2Password, false), (.cachingSHA2Password, true),
        ] {
            var manner = ServerStateMachine.Manner(serverVersion: "8.0.36")
            (manner.plugin, manner.requiresFullProof, manner.offersTLS) = (plugin, isFull, true)
            try await withServer(manner: manner, tls: server) { port in
                func connect(_ tls: MySQLConfiguration.TLS, _ password: String) async throws -> MySQLConnection {
                    var configuration = MySQLConfiguration(
                        host: "127.0.0.1", port: port, username: "radmin", password: password)
                    configuration.tls = tls
                    return try await MySQLConnection.connect(configuration, logger: Logger(label: "test"))
                }
                for tls in [
                    MySQLConfiguration.TLS.required(client, hostname: "localhost"),
                    .preferred(client, hostname: "localhost"),
                ] {
                    let connection = try await connect(tls, "secret")
                    #expect(try await connection.query("OK").affectedRows == 7)
                    await connection.close()
                }
                await #expect(throws: MySQLServerError.self) {
                    _ = try await connect(.required(client, hostname: "localhost"), "wrong")
                }
                await #expect(throws: MySQLWireError.self) {
                    _ = try await connect(.required(stranger, hostname: "localhost"), "secret")
                }
                await #expect(throws: MySQLWireError.self) {
                    _ = try await connect(.required(client, hostname: "elsewhere.test"), "secret")
                }
            }
        }
    }

    @Test("TLS that the server does not offer: required fails, preferred goes on in clear text")
    func tlsNotOffered() async throws {
        let context = try NIOSSLContext(configuration: .makeClientConfiguration())
        try await withServer { port in
            var configuration = MySQLConfiguration(
                host: "127.0.0.1", port: port, username: "radmin", password: "secret")
            configuration.tls = .required(context, hostname: nil)
            let refused = configuration
            let error = await #expect(throws: MySQLWireError.self) {
                _ = try await MySQLConnection.connect(refused, logger: Logger(label: "test"))
            }
            #expect(error?.code == .tlsUnavailable)
            configuration.tls = .preferred(context, hostname: nil)
            let connection = try await MySQLConnection.connect(configuration, logger: Logger(label: "test"))
            await connection.close()
        }
    }

    @Test("a wrong password is refused with the server's own error")
    func wrongPassword() async throws {
        var manner = ServerStateMachine.Manner(serverVersion: "5.5.30")
        manner.deniesWith = "ProxySQL Error: Access denied for user"
        try await withServer(manner: manner) { port in
            let error = await #expect(throws: MySQLServerError.self) { _ = try await connect(port, password: "x") }
            #expect(error?.code == 1045)
            #expect(
                error?.message
                    == "ProxySQL Error: Access denied for user 'radmin'@'127.0.0.1' (using password: YES)")
        }
    }

    @Test("results, NULLs, errors and completions arrive as sent", arguments: [true, false])
    func results(deprecatesEOF: Bool) async throws {
        var manner = ServerStateMachine.Manner(serverVersion: "5.5.30")
        manner.deprecatesEOF = deprecatesEOF
        try await withServer(manner: manner) { port in
            let connection = try await connect(port)
            #expect(try await connection.query("OK").affectedRows == 7)
            let nulls = try await connection.query("NULLS")
            #expect(nulls.rows.map(\.values) == [[nil, ""], ["x", nil]])
            #expect(nulls.rows[1].string("a") == "x")
            await #expect(throws: MySQLServerError.self) { _ = try await connection.query("ERR") }
            let hostile = "it's ; \\ \u{0} \"quoted\" 😀"
            #expect(try await connection.query(hostile).rows.first?[0] == hostile)
            await connection.close()
        }
    }

    @Test("payloads beyond 16 MiB are split and joined")
    func largePayload() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let text = String(repeating: "x", count: 0xFF_FFFF * 2 + 17)
            #expect(
                try await connection.query(text, timeout: .seconds(30)).rows.first?[0]?.utf8.count == text.utf8.count)
            let exact = String(repeating: "y", count: 0xFF_FFFF - 1)
            #expect(
                try await connection.query(exact, timeout: .seconds(30)).rows.first?[0]?.utf8.count == exact.utf8.count)
            await connection.close()
        }
    }

    @Test("a deadline closes the socket and says what did not end")
    func deadline() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let error = await #expect(throws: MySQLWireError.self) {
                _ = try await connection.query("HANG", timeout: .milliseconds(50))
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.message.contains("HANG") == true)
            await #expect(throws: MySQLWireError.self) { _ = try await connection.query("OK") }
            #expect(!connection.isOpen)
        }
    }

    @Test("cancelling the task closes the socket at once")
    func cancellation() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let query = Task { try await connection.query("HANG", timeout: .seconds(300)) }
            try await connection.awaitSent()
            query.cancel()
            let error = await #expect(throws: MySQLWireError.self) { _ = try await query.value }
            #expect(error?.code == .cancelled)
            #expect(!connection.isOpen)
        }
    }

    @Test("a server that drops the connection is an error, not a hang")
    func dropped() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let error = await #expect(throws: MySQLWireError.self) { _ = try await connection.query("DROP") }
            #expect(error?.code == .connectionClosed)
        }
    }

    @Test("rows stream in order and the connection is usable afterwards")
    func streaming() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let sum = try await connection.withRows("ROWS 100000", timeout: .seconds(30)) { rows in
                var sum = 0
                for try await row in rows { sum += row[0].flatMap(Int.init) ?? 0 }
                return sum
            }
            #expect(sum == 99_999 * 100_000 / 2)
            #expect(try await connection.query("OK").affectedRows == 7)
            await connection.close()
        }
    }

    @Test("rows that are not read to their end close the connection")
    func abandonedRows() async throws {
        try await withServer { port in
            let connection = try await connect(port)
            let first = try await connection.withRows("ROWS 100000", timeout: .seconds(30)) { rows in
                var iterator = rows.makeAsyncIterator()
                return try await iterator.next()?[0]
            }
            #expect(first == "0")
            await #expect(throws: MySQLWireError.self) { _ = try await connection.query("OK") }
        }
    }

    @Test("a refused port is an error that names it")
    func refused() async throws {
        let error = await #expect(throws: MySQLWireError.self) { _ = try await connect(1) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("radmin@127.0.0.1:1") == true)
    }
}

extension MySQLConnection {
    /// Returns once everything that was asked for before has reached the event loop.
    func awaitSent() async throws {
        await Task.yield()
        try await Task.sleep(for: .milliseconds(1))
    }
}
