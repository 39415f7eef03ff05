package import FleetModel

/// `SslCert` (Cloud SQL Admin API v1): a certificate without its key.
struct SSLCertificate: Codable, Hashable, Sendable {
    var cert: String?
    var commonName: String?
    var sha1Fingerprint: String?
    var expirationTime: String?
}

/// `InstancesListServerCasResponse`.
struct ServerAuthorities: Codable, Sendable {
    var certs: [SSLCertificate]?
    var activeVersion: String?
}

/// `SslCertsListResponse`.
struct SSLCertificateList: Codable, Sendable {
    var items: [SSLCertificate]?
}

/// `SslCertsInsertRequest`.
struct SSLCertificateRequest: Codable, Sendable {
    var commonName: String
}

/// `SslCertsInsertResponse`: the only answer that ever has the key.
struct SSLCertificateMade: Codable, Sendable {
    struct Detail: Codable, Sendable {
        var certInfo: SSLCertificate?
        var certPrivateKey: Secret?
    }

    var clientCert: Detail?
}

/// An instance's present server CA.
private struct InstanceAuthority: Codable, Sendable {
    var serverCaCert: SSLCertificate?
}

extension CloudSQLReplicaProvider: BackendCertificates {
    /// All that `listServerCas` gives, the one that is to come included: while a CA is replaced the instance may show a
    /// certificate of either (Cloud SQL documentation, "Manage SSL/TLS certificates").
    package func serverAuthorities(of name: InstanceName) async throws(ProviderError) -> [String] {
        let path = "\(base)/instances/\(name)"
        let listed = try await get("\(path)/listServerCas", as: ServerAuthorities.self)
        let certificates = (listed.certs ?? []).compactMap(\.cert)
        guard certificates.isEmpty else { return certificates }
        return try await get(path, as: InstanceAuthority.self).serverCaCert?.cert.map { [$0] } ?? []
    }

    package func clientCertificates(of name: InstanceName) async throws(ProviderError) -> [ClientCertificate] {
        let list = try await get("\(base)/instances/\(name)/sslCerts", as: SSLCertificateList.self)
        return (list.items ?? []).compactMap(Self.client)
    }

    package func makeClientCertificate(
        _ commonName: String, on name: InstanceName
    ) async throws(ProviderError) -> (certificate: ClientCertificate, identity: ClientIdentity) {
        let path = "\(base)/instances/\(name)/sslCerts"
        let made = try await CloudSQLFailure.sorted { () async throws(GoogleFailure) in
            try await request.send(
                try GoogleCall(.POST, path).json(SSLCertificateRequest(commonName: commonName)),
                as: SSLCertificateMade.self)
        }
        guard let info = made.clientCert?.certInfo, let text = info.cert, let key = made.clientCert?.certPrivateKey,
            let certificate = Self.client(info)
        else {
            throw ProviderError(
                .unavailable, "making the client certificate \(commonName) on \(name): the answer lacks it or its key")
        }
        return (certificate, ClientIdentity(certificate: text, key: key))
    }

    package func deleteClientCertificate(_ fingerprint: String, on name: InstanceName) async throws(ProviderError) {
        guard !fingerprint.isEmpty, fingerprint.utf8.allSatisfy({ Self.isHexadecimal($0) }) else {
            throw ProviderError(.invalid, "deleting a client certificate of \(name): its fingerprint is none")
        }
        do throws(ProviderError) {
            _ = try await CloudSQLFailure.sorted { () async throws(GoogleFailure) in
                try await request.send(
                    GoogleCall(.DELETE, "\(base)/instances/\(name)/sslCerts/\(fingerprint)"), as: SQLOperation.self)
            }
        } catch {
            guard error.code == .notFound else { throw error }
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func client(_ found: SSLCertificate) -> ClientCertificate? {
        found.sha1Fingerprint.map {
            ClientCertificate(
                commonName: found.commonName ?? "", fingerprint: $0,
                expiresAt: found.expirationTime.flatMap { Timestamp(rfc3339: $0) })
        }
    }
}
