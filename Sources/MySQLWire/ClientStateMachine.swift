import NIOCore

/// The client's side of the conversation: payloads in, actions out, no I/O.
struct ClientStateMachine: Sendable {
    /// Who logs in, and how careful to be.
    struct Login: Sendable {
        /// What to do about TLS.
        enum Encryption: Sendable {
            /// Never.
            case never
            /// When the server can.
            case preferred
            /// Fail when the server cannot.
            case required
        }

        var username: String
        var password: String
        var database: String?
        var encryption: Encryption
        /// Whether the password may go to a key that an unencrypted server offers.
        var allowsPublicKeyRetrieval = false
    }

    /// What a command is answered with.
    enum CommandKind: Sendable {
        /// OK or ERR.
        case completion
        /// OK, ERR or a result.
        case query
    }

    /// What the shell has to do next.
    enum Action: Sendable {
        /// Nothing until more comes.
        case wait
        /// Send this payload in the present sequence.
        case send(ByteBuffer)
        /// Send the first payload, put TLS below, then send the second.
        case startTLS(request: ByteBuffer, response: ByteBuffer)
        /// Logged in; a command may be sent.
        case ready(serverVersion: String)
        /// A result begins.
        case columns(MySQLColumns)
        /// A row of it.
        case row(MySQLRow)
        /// The command ended well.
        case complete(MySQLCompletion)
        /// The command, or the login (`isFatal`), was refused.
        case refused(MySQLServerError, isFatal: Bool)
    }

    private enum State: Sendable {
        /// Can become `authenticating`.
        case awaitingGreeting
        /// Can become `idle`.
        case authenticating(plugin: String, challenge: [UInt8], isEncrypted: Bool, rounds: Int)
        /// Can become `awaitingAnswer`.
        case idle
        /// Can become `idle`, `readingColumns`.
        case awaitingAnswer(CommandKind)
        /// Can become `awaitingColumnsEnd`, `readingRows`.
        case readingColumns(remaining: Int, [MySQLColumn])
        /// Can become `readingRows`.
        case awaitingColumnsEnd([MySQLColumn])
        /// Can become `idle`.
        case readingRows(MySQLColumns)
    }

    private static let wanted: CapabilityFlags = [
        .longPassword, .protocol41, .transactions, .secureConnection, .pluginAuthentication,
        .lengthEncodedAuthentication, .deprecateEOF,
    ]
    /// MySQL allows 4096 columns.
    private static let maximumColumns: UInt64 = 4_096

    private let login: Login
    private var state = State.awaitingGreeting
    private var capabilities: CapabilityFlags = []
    private var serverVersion = ""

    init(login: Login) {
        self.login = login
    }

    /// Whether a command may be sent.
    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// A command was sent.
    mutating func commandSent(_ kind: CommandKind) {
        precondition(isIdle, "one command at a time")
        state = .awaitingAnswer(kind)
    }

    /// Takes the next payload from the server.
    /// - Throws: what makes the connection unusable.
    mutating func received(_ payload: ByteBuffer) throws(MySQLWireError) -> Action {
        switch state {
        case .awaitingGreeting:
            return try greet(payload)
        case .authenticating(let plugin, let challenge, let isEncrypted, let rounds):
            return try authenticate(payload, plugin, challenge, isEncrypted, rounds)
        case .idle:
            throw MySQLWireError(.malformed, "the server spoke without being asked")
        case .awaitingAnswer(let kind):
            return try answer(payload, kind)
        case .readingColumns(let remaining, var columns):
            columns.append(try MySQLColumn(payload: payload))
            if remaining > 1 {
                state = .readingColumns(remaining: remaining - 1, columns)
                return .wait
            }
            if capabilities.contains(.deprecateEOF) { return beginRows(columns) }
            state = .awaitingColumnsEnd(columns)
            return .wait
        case .awaitingColumnsEnd(let columns):
            guard payload.first == 0xFE else { throw MySQLWireError(.malformed, "the columns do not end") }
            return beginRows(columns)
        case .readingRows(let columns):
            return try row(payload, columns)
        }
    }

    // MARK: Logging in

    private mutating func greet(_ payload: ByteBuffer) throws(MySQLWireError) -> Action {
        if payload.first == 0xFF {
            return .refused(try MySQLServerError(payload: payload), isFatal: true)
        }
        let greeting = try Greeting(payload: payload)
        serverVersion = greeting.serverVersion
        let canEncrypt = greeting.capabilities.contains(.tls)
        let encrypts =
            switch login.encryption {
            case .never: false
            case .preferred: canEncrypt
            case .required: true
            }
        guard canEncrypt || !encrypts else {
            throw MySQLWireError(.tlsUnavailable, "TLS is required and the server does not offer it")
        }
        capabilities = Self.wanted.intersection(greeting.capabilities).union([.protocol41, .secureConnection])
        if login.database != nil { capabilities.insert(.connectWithDatabase) }
        if encrypts { capabilities.insert(.tls) }
        let known = AuthenticationPlugin(rawValue: greeting.plugin) ?? .nativePassword
        let response = GreetingResponse(
            capabilities: capabilities, username: login.username,
            authentication: proof(known, greeting.challenge), database: login.database, plugin: known.rawValue)
        state = .authenticating(
            plugin: known.rawValue, challenge: greeting.challenge, isEncrypted: encrypts, rounds: 0)
        guard encrypts else { return .send(response.payload()) }
        return .startTLS(request: response.tlsRequest(), response: response.payload())
    }

    private func proof(_ plugin: AuthenticationPlugin, _ challenge: [UInt8]) -> [UInt8] {
        switch plugin {
        case .nativePassword: Scramble.native(password: login.password, challenge: challenge)
        case .cachingSHA2Password: Scramble.cachingSHA2(password: login.password, challenge: challenge)
        }
    }

    private mutating func authenticate(
        _ payload: ByteBuffer, _ plugin: String, _ challenge: [UInt8], _ isEncrypted: Bool, _ rounds: Int
    ) throws(MySQLWireError) -> Action {
        guard rounds < 8 else {
            throw MySQLWireError(.malformed, "the server asks for proof after proof and never decides")
        }
        state = .authenticating(plugin: plugin, challenge: challenge, isEncrypted: isEncrypted, rounds: rounds + 1)
        switch payload.first {
        case 0x00:
            _ = try MySQLCompletion(payload: payload)
            state = .idle
            return .ready(serverVersion: serverVersion)
        case 0xFF:
            return .refused(try MySQLServerError(payload: payload), isFatal: true)
        case 0xFE:
            return try switchPlugin(payload, isEncrypted, rounds)
        case 0x01:
            return try moreData(payload, challenge, isEncrypted)
        default:
            throw MySQLWireError(.malformed, "an unknown packet came during authentication")
        }
    }

    private mutating func switchPlugin(
        _ payload: ByteBuffer, _ isEncrypted: Bool, _ rounds: Int
    ) throws(MySQLWireError) -> Action {
        var payload = payload
        payload.moveReaderIndex(forwardBy: 1)
        let name = String(buffer: try payload.readNulTerminated("the authentication method"))
        guard let plugin = AuthenticationPlugin(rawValue: name) else {
            throw MySQLWireError(
                .authenticationUnsupported,
                "user \(login.username) needs the authentication method \(name); mysql_native_password and "
                    + "caching_sha2_password are spoken here: give the user one of them")
        }
        let challenge = Array(payload.readableBytesView.prefix(20))
        guard challenge.count == 20 else { throw .truncated("the challenge") }
        state = .authenticating(plugin: name, challenge: challenge, isEncrypted: isEncrypted, rounds: rounds + 1)
        return .send(ByteBuffer(bytes: proof(plugin, challenge)))
    }

    private func moreData(
        _ payload: ByteBuffer, _ challenge: [UInt8], _ isEncrypted: Bool
    ) throws(MySQLWireError) -> Action {
        let data = payload.readableBytesView.dropFirst()
        switch (data.first, data.count) {
        case (3, 1):
            return .wait
        case (4, 1):
            guard !isEncrypted else {
                return .send(ByteBuffer(bytes: [UInt8](login.password.utf8) + [0]))
            }
            guard login.allowsPublicKeyRetrieval else { throw unknownPeer }
            return .send(ByteBuffer(bytes: [2]))
        default:
            // One that was not asked for is answered as little.
            guard login.allowsPublicKeyRetrieval, !isEncrypted else { throw unknownPeer }
            let key = String(decoding: data, as: UTF8.self)
            guard key.hasPrefix("-----BEGIN PUBLIC KEY-----") else {
                throw MySQLWireError(.malformed, "neither a decision nor a public key came during authentication")
            }
            return .send(
                ByteBuffer(
                    bytes: try Scramble.encrypted(
                        password: login.password, challenge: challenge, publicKeyPEM: key)))
        }
    }

    private var unknownPeer: MySQLWireError {
        MySQLWireError(
            .authenticationUnsupported,
            "the server wants the password of \(login.username) itself (caching_sha2_password) on a connection without "
                + "TLS, where anybody could answer in its place: connect with TLS, give the user "
                + "mysql_native_password, or allow public key retrieval")
    }

    // MARK: Commands

    private mutating func answer(_ payload: ByteBuffer, _ kind: CommandKind) throws(MySQLWireError) -> Action {
        switch payload.first {
        case 0x00:
            state = .idle
            return .complete(try MySQLCompletion(payload: payload))
        case 0xFF:
            state = .idle
            return .refused(try MySQLServerError(payload: payload), isFatal: false)
        case 0xFE where kind == .completion:
            state = .idle
            return .complete(try MySQLCompletion(payload: payload))
        case 0xFB:
            throw MySQLWireError(.malformed, "the server asks for a local file, which is never sent")
        default:
            guard kind == .query else {
                throw MySQLWireError(.malformed, "a result came where none can")
            }
            var payload = payload
            let count = try payload.readLengthEncoded("the number of columns")
            guard (1...Self.maximumColumns).contains(count), payload.readableBytes == 0 else {
                throw MySQLWireError(.malformed, "a result cannot have \(count) columns")
            }
            state = .readingColumns(remaining: Int(count), [])
            return .wait
        }
    }

    private mutating func beginRows(_ columns: [MySQLColumn]) -> Action {
        let shared = MySQLColumns(columns)
        state = .readingRows(shared)
        return .columns(shared)
    }

    private mutating func row(_ payload: ByteBuffer, _ columns: MySQLColumns) throws(MySQLWireError) -> Action {
        switch payload.first {
        case 0xFF:
            state = .idle
            return .refused(try MySQLServerError(payload: payload), isFatal: false)
        // A row whose first cell is longer than 2^24−1 bytes begins with 0xFE as well; only the length tells.
        case 0xFE where payload.readableBytes < (capabilities.contains(.deprecateEOF) ? 0xFF_FFFF : 9):
            state = .idle
            return .complete(try MySQLCompletion(payload: payload))
        default:
            return .row(try MySQLRow(columns: columns, payload: payload))
        }
    }
}

extension ByteBuffer {
    /// The first readable byte.
    var first: UInt8? {
        getInteger(at: readerIndex)
    }
}
