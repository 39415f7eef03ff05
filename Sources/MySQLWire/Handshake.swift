package import NIOCore

/// The authentication methods that are spoken here.
package enum AuthenticationPlugin: String, Hashable, Sendable {
    /// SHA-1 challenge and response.
    case nativePassword = "mysql_native_password"
    /// SHA-256 challenge and response, with a full exchange when the server has not cached the password.
    case cachingSHA2Password = "caching_sha2_password"
}

/// The server's first packet (Protocol::HandshakeV10).
package struct Greeting: Hashable, Sendable {
    /// For example `8.0.36` or `5.5.30`.
    package var serverVersion: String
    /// The connection's number at the server.
    package var connectionID: UInt32
    /// 20 random bytes without NUL.
    package var challenge: [UInt8]
    /// What the server can do.
    package var capabilities: CapabilityFlags
    /// Collation number.
    package var characterSet: UInt8
    /// The method that the server would like.
    package var plugin: String

    /// Makes a greeting.
    package init(
        serverVersion: String, connectionID: UInt32, challenge: [UInt8], capabilities: CapabilityFlags, plugin: String
    ) {
        self.serverVersion = serverVersion
        self.connectionID = connectionID
        self.challenge = challenge
        self.capabilities = capabilities
        self.characterSet = 33
        self.plugin = plugin
    }

    /// Reads a greeting.
    /// - Throws: `malformed`.
    package init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        let version = try payload.readFixed(UInt8.self, "the greeting")
        guard version == 10 else {
            throw MySQLWireError(.malformed, "the greeting is of protocol version \(version); 10 is spoken here")
        }
        serverVersion = String(buffer: try payload.readNulTerminated("the server's version"))
        connectionID = try payload.readFixed(UInt32.self, "the connection's number")
        var challenge = try payload.readExactly(8, "the challenge").readableBytesView.map { $0 }
        _ = try payload.readFixed(UInt8.self, "the greeting")
        var flags = UInt32(try payload.readFixed(UInt16.self, "the server's capabilities"))
        characterSet = payload.readInteger() ?? 33
        _ = payload.readInteger(as: UInt16.self)
        flags |= UInt32(payload.readInteger(endianness: .little, as: UInt16.self) ?? 0) << 16
        capabilities = CapabilityFlags(rawValue: flags)
        guard capabilities.contains([.protocol41, .secureConnection]) else {
            throw MySQLWireError(.malformed, "the server speaks a protocol older than 4.1")
        }
        let challengeLength = Int(try payload.readFixed(UInt8.self, "the challenge's length"))
        _ = try payload.readExactly(10, "the greeting")
        let rest = try payload.readExactly(max(13, challengeLength - 8), "the second half of the challenge")
        challenge += rest.readableBytesView.prefix(12)
        self.challenge = challenge
        if capabilities.contains(.pluginAuthentication) {
            let end = payload.readableBytesView.firstIndex(of: 0) ?? payload.writerIndex
            plugin = payload.readString(length: end - payload.readerIndex) ?? ""
        } else {
            plugin = AuthenticationPlugin.nativePassword.rawValue
        }
    }

    /// The payload of this greeting.
    package func payload() -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(UInt8(10))
        payload.writeNulTerminated(serverVersion)
        payload.writeInteger(connectionID, endianness: .little)
        payload.writeBytes(challenge.prefix(8))
        payload.writeInteger(UInt8(0))
        payload.writeInteger(UInt16(capabilities.rawValue & 0xFFFF), endianness: .little)
        payload.writeInteger(characterSet)
        payload.writeInteger(UInt16(2), endianness: .little)
        payload.writeInteger(UInt16(capabilities.rawValue >> 16), endianness: .little)
        payload.writeInteger(UInt8(challenge.count + 1))
        payload.writeBytes([UInt8](repeating: 0, count: 10))
        payload.writeBytes(challenge.dropFirst(8))
        payload.writeInteger(UInt8(0))
        payload.writeNulTerminated(plugin)
        return payload
    }
}

/// The client's answer to the greeting (Protocol::HandshakeResponse41).
package struct GreetingResponse: Hashable, Sendable {
    /// What both can do.
    package var capabilities: CapabilityFlags
    /// The largest packet that the client takes.
    package var maximumPacket: UInt32
    /// Who logs in.
    package var username: String
    /// The proof.
    package var authentication: [UInt8]
    /// The database to begin with.
    package var database: String?
    /// The method of the proof.
    package var plugin: String

    /// Makes an answer.
    package init(
        capabilities: CapabilityFlags, username: String, authentication: [UInt8], database: String?, plugin: String
    ) {
        self.capabilities = capabilities
        self.maximumPacket = 1 << 30
        self.username = username
        self.authentication = authentication
        self.database = database
        self.plugin = plugin
    }

    /// Reads an answer.
    /// - Throws: `malformed`.
    package init(payload: ByteBuffer) throws(MySQLWireError) {
        var payload = payload
        capabilities = CapabilityFlags(rawValue: try payload.readFixed(UInt32.self, "the client's capabilities"))
        guard capabilities.contains(.protocol41) else {
            throw MySQLWireError(.malformed, "the client speaks a protocol older than 4.1")
        }
        maximumPacket = try payload.readFixed(UInt32.self, "the client's largest packet")
        _ = try payload.readExactly(24, "the client's answer")
        username = String(buffer: try payload.readNulTerminated("the user name"))
        if capabilities.contains(.lengthEncodedAuthentication) {
            authentication = try payload.readLengthEncodedSlice("the proof").readableBytesView.map { $0 }
        } else if capabilities.contains(.secureConnection) {
            let length = Int(try payload.readFixed(UInt8.self, "the proof's length"))
            authentication = try payload.readExactly(length, "the proof").readableBytesView.map { $0 }
        } else {
            authentication = try payload.readNulTerminated("the proof").readableBytesView.map { $0 }
        }
        database = nil
        if capabilities.contains(.connectWithDatabase), payload.readableBytes > 0 {
            let name = String(buffer: try payload.readNulTerminated("the database"))
            database = name.isEmpty ? nil : name
        }
        plugin = AuthenticationPlugin.nativePassword.rawValue
        if capabilities.contains(.pluginAuthentication), payload.readableBytes > 0 {
            plugin = String(buffer: try payload.readNulTerminated("the authentication method"))
        }
    }

    /// The payload of this answer.
    package func payload() -> ByteBuffer {
        var payload = Self.preamble(capabilities, maximumPacket)
        payload.writeNulTerminated(username)
        if capabilities.contains(.lengthEncodedAuthentication) {
            payload.writeLengthEncoded(UInt64(authentication.count))
        } else {
            payload.writeInteger(UInt8(truncatingIfNeeded: authentication.count))
        }
        payload.writeBytes(authentication)
        if let database, capabilities.contains(.connectWithDatabase) { payload.writeNulTerminated(database) }
        if capabilities.contains(.pluginAuthentication) { payload.writeNulTerminated(plugin) }
        return payload
    }

    /// The payload that asks for TLS before anything secret is sent (Protocol::SSLRequest).
    package func tlsRequest() -> ByteBuffer {
        Self.preamble(capabilities.union(.tls), maximumPacket)
    }

    /// The length of a TLS request's payload.
    package static let tlsRequestLength = 32

    private static func preamble(_ capabilities: CapabilityFlags, _ maximumPacket: UInt32) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(capabilities.rawValue, endianness: .little)
        payload.writeInteger(maximumPacket, endianness: .little)
        payload.writeInteger(UInt8(45))  // utf8mb4_general_ci
        payload.writeBytes([UInt8](repeating: 0, count: 23))
        return payload
    }
}
