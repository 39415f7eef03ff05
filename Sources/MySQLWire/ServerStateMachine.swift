package import NIOCore

/// A command that a client sent.
package enum MySQLServerCommand: Hashable, Sendable {
    /// COM_QUERY.
    case query(String)
    /// COM_PING.
    case ping
    /// COM_INIT_DB.
    case selectDatabase(String)
    /// COM_QUIT.
    case quit
    /// Anything else, by its number.
    case other(UInt8)

    init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        switch try payload.readFixed(UInt8.self, "a command") {
        case 0x01: self = .quit
        case 0x02: self = .selectDatabase(String(buffer: payload))
        case 0x03: self = .query(String(buffer: payload))
        case 0x0E: self = .ping
        case let code: self = .other(code)
        }
    }
}

/// How a server answers a command.
package enum MySQLServerResponse: Sendable {
    /// An OK packet.
    case ok(affectedRows: UInt64 = 0, lastInsertID: UInt64 = 0)
    /// An ERR packet.
    case error(MySQLServerError)
    /// A result.
    case rows([MySQLColumn], [[String?]])
    /// Drop the connection without an answer.
    case close
}

/// The server's side of the conversation: payloads in, actions out, no I/O.
package struct ServerStateMachine: Sendable {
    /// What the shell has to do next.
    package enum Action: Sendable {
        /// Nothing until more comes.
        case wait
        /// Look up this user's password and call `credentials`.
        case lookUp(username: String)
        /// Send these payloads, in order.
        case send([ByteBuffer])
        /// Send these payloads, in order; the client is logged in.
        case welcome([ByteBuffer], username: String, database: String?)
        /// Send the payload and close.
        case reject(ByteBuffer)
        /// Answer this.
        case command(MySQLServerCommand)
    }

    private enum State: Sendable {
        /// Can become `lookingUp`.
        case awaitingResponse
        /// Can become `awaitingSwitch`, `awaitingFullProof`, `ready`.
        case lookingUp(GreetingResponse)
        /// Can become `ready`.
        case awaitingSwitch(GreetingResponse, password: String)
        /// Can become `ready`.
        case awaitingFullProof(GreetingResponse, password: String, sentKey: Bool)
        case ready
        case rejected
    }

    /// How a server presents itself.
    package struct Manner: Sendable {
        /// What `@@version` and the greeting say.
        package var serverVersion: String
        /// The method that the greeting names.
        package var plugin = AuthenticationPlugin.nativePassword
        /// Whether TLS is offered.
        package var offersTLS = false
        /// Whether caching_sha2_password asks for the full exchange, as a server does that has not cached the password.
        package var requiresFullProof = false
        /// The RSA key pair for the full exchange without TLS, both as PEM.
        package var rsaKey: (privatePEM: String, publicPEM: String)?
        /// The text of error 1045; user, peer and YES or NO follow.
        package var deniesWith = "Access denied for user"
        /// Whether EOF packets may be left out.
        package var deprecatesEOF = true

        /// Makes the manner of a server of this version, with mysql_native_password and without TLS.
        package init(serverVersion: String) {
            self.serverVersion = serverVersion
        }
    }

    private let manner: Manner
    private let peer: String
    private let challenge: [UInt8]
    private var state = State.awaitingResponse
    private var capabilities: CapabilityFlags = []
    /// Whether TLS is in force; set by the shell.
    package var isEncrypted = false

    /// Begins with a challenge of 20 bytes, none of them NUL, from a random source.
    package init(manner: Manner, peer: String, challenge: [UInt8]) {
        self.manner = manner
        self.peer = peer
        self.challenge = challenge
    }

    /// The first payload to send.
    package func greeting(connectionID: UInt32) -> ByteBuffer {
        var flags: CapabilityFlags = [
            .longPassword, .connectWithDatabase, .protocol41, .transactions, .secureConnection,
            .pluginAuthentication, .connectAttributes, .lengthEncodedAuthentication,
        ]
        if manner.offersTLS { flags.insert(.tls) }
        if manner.deprecatesEOF { flags.insert(.deprecateEOF) }
        return Greeting(
            serverVersion: manner.serverVersion, connectionID: connectionID, challenge: challenge,
            capabilities: flags, plugin: manner.plugin.rawValue
        ).payload()
    }

    /// Takes the next payload from the client.
    /// - Throws: what makes the connection unusable.
    package mutating func received(_ payload: ByteBuffer) throws(MySQLWireError) -> Action {
        switch state {
        case .awaitingResponse:
            let response = try GreetingResponse(payload: payload)
            capabilities = response.capabilities
            state = .lookingUp(response)
            return .lookUp(username: response.username)
        case .lookingUp:
            throw MySQLWireError(.malformed, "the client spoke out of turn")
        case .awaitingSwitch(var response, let password):
            response.plugin = manner.plugin.rawValue
            response.authentication = Array(payload.readableBytesView)
            return check(response, password)
        case .awaitingFullProof(let response, let password, let sentKey):
            return try fullProof(payload, response, password, sentKey)
        case .ready:
            return .command(try MySQLServerCommand(payload: payload))
        case .rejected:
            return .wait
        }
    }

    /// The password of the user that `lookUp` named, or nil when there is no such user.
    package mutating func credentials(_ password: String?) -> Action {
        guard case .lookingUp(let response) = state else { return .wait }
        guard let password else { return reject(response) }
        guard response.plugin == manner.plugin.rawValue else {
            state = .awaitingSwitch(response, password: password)
            var payload = ByteBuffer()
            payload.writeInteger(UInt8(0xFE))
            payload.writeNulTerminated(manner.plugin.rawValue)
            payload.writeBytes(challenge)
            payload.writeInteger(UInt8(0))
            return .send([payload])
        }
        return check(response, password)
    }

    private mutating func check(_ response: GreetingResponse, _ password: String) -> Action {
        switch manner.plugin {
        case .nativePassword:
            let proof = Scramble.native(password: password, challenge: challenge)
            return Scramble.matches(proof, response.authentication) ? welcome(response) : reject(response)
        case .cachingSHA2Password:
            if manner.requiresFullProof, !password.isEmpty {
                state = .awaitingFullProof(response, password: password, sentKey: false)
                return .send([ByteBuffer(bytes: [1, 4])])
            }
            let proof = Scramble.cachingSHA2(password: password, challenge: challenge)
            guard Scramble.matches(proof, response.authentication) else { return reject(response) }
            return welcome(response, before: password.isEmpty ? [] : [ByteBuffer(bytes: [1, 3])])
        }
    }

    private mutating func fullProof(
        _ payload: ByteBuffer, _ response: GreetingResponse, _ password: String, _ sentKey: Bool
    ) throws(MySQLWireError) -> Action {
        let bytes = Array(payload.readableBytesView)
        if isEncrypted {
            let matches = Scramble.matches(bytes, Array(password.utf8) + [0])
            return matches ? welcome(response) : reject(response)
        }
        guard let key = manner.rsaKey else { return reject(response) }
        if !sentKey {
            guard bytes == [2] else { throw MySQLWireError(.malformed, "the client did not ask for the key") }
            state = .awaitingFullProof(response, password: password, sentKey: true)
            return .send([ByteBuffer(bytes: [1] + Array(key.publicPEM.utf8))])
        }
        let clear = try Scramble.decrypted(bytes, challenge: challenge, privateKeyPEM: key.privatePEM)
        return Scramble.matches(Array(clear.utf8), Array(password.utf8)) ? welcome(response) : reject(response)
    }

    private mutating func welcome(_ response: GreetingResponse, before: [ByteBuffer] = []) -> Action {
        state = .ready
        return .welcome(
            before + [MySQLCompletion().payload()], username: response.username, database: response.database)
    }

    private mutating func reject(_ response: GreetingResponse) -> Action {
        state = .rejected
        let used = response.authentication.isEmpty ? "NO" : "YES"
        return .reject(
            MySQLServerError(
                code: 1045, sqlState: "28000",
                message: "\(manner.deniesWith) '\(response.username)'@'\(peer)' (using password: \(used))"
            ).payload())
    }

    /// The payloads of an answer; nil closes the connection without one.
    package func payloads(of response: MySQLServerResponse) -> [ByteBuffer]? {
        switch response {
        case .ok(let affectedRows, let lastInsertID):
            return [MySQLCompletion(affectedRows: affectedRows, lastInsertID: lastInsertID).payload()]
        case .error(let error):
            return [error.payload()]
        case .rows(let columns, let rows):
            let omitsEOF = capabilities.contains(.deprecateEOF) && manner.deprecatesEOF
            var count = ByteBuffer()
            count.writeLengthEncoded(UInt64(columns.count))
            var payloads = [count] + columns.map { $0.payload() }
            if !omitsEOF { payloads.append(MySQLCompletion.endOfRows()) }
            payloads += rows.map { MySQLRow.payload($0) }
            payloads.append(omitsEOF ? MySQLCompletion().payload(header: 0xFE) : MySQLCompletion.endOfRows())
            return payloads
        case .close:
            return nil
        }
    }
}
