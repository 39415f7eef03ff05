/// What a node needs to speak TLS with one backend and to know whom it speaks with.
///
/// ProxySQL 2.6 and later read it per backend, from files that `mysql_servers_ssl_params` names (ProxySQL
/// documentation, "mysql_servers_ssl_params"); seen on 2.7.1: with an `ssl_ca` the backend's certificate must be signed
/// by one of the file's authorities, names in it are not compared, and a file that is missing fails each new
/// connection.
package struct BackendTLS: Hashable, Codable, Sendable {
    /// The backend's address, as in `BackendServer.address`.
    package var address: String
    /// Its port.
    package var port: Int
    /// The authorities that may have signed its certificate, PEM: two while one is being replaced.
    package var authorities: String
    /// What the node proves itself with; nil without client certificates.
    package var identity: ClientIdentity?

    /// Makes it; the texts are checked where they come from, with `PEMText`.
    package init(address: String, port: Int, authorities: String, identity: ClientIdentity? = nil) {
        self.address = address
        self.port = port
        self.authorities = authorities
        self.identity = identity
    }
}

/// A client certificate with its key.
package struct ClientIdentity: Hashable, Codable, Sendable {
    /// The certificate, PEM.
    package var certificate: String
    /// Its private key, PEM.
    package var key: Secret

    /// Makes an identity.
    package init(certificate: String, key: Secret) {
        self.certificate = certificate
        self.key = key
    }
}

/// How a group's backends are spoken with.
package enum BackendTLSMode: String, Hashable, Codable, Sendable, CaseIterable {
    /// Each server's own `useTLS` decides, and nothing is verified: ProxySQL without a CA accepts any certificate.
    case off
    /// TLS to every backend, whose certificate must be signed by its server CA.
    case verifyCA = "verify-ca"
    /// The same, and the nodes prove themselves with a client certificate.
    case clientCertificate = "client-certificate"
}

extension FleetConfiguration {
    /// The servers as they are planned: TLS to every one of them where the group's backends are verified.
    package var plannedServers: [BackendServer] {
        guard tls != nil else { return servers }
        return servers.map { server in
            var server = server
            server.useTLS = true
            return server
        }
    }

    /// What verifies the servers that there are; one that left takes its row along.
    package var plannedTrust: [BackendTLS] {
        (tls ?? []).filter { backend in
            servers.contains { $0.address == backend.address && $0.port == backend.port }
        }
    }

    /// The servers that would be spoken with unverified although the group's backends are to be verified.
    package var unverifiableServers: [BackendServer] {
        guard let tls else { return [] }
        return servers.filter { server in !tls.contains { $0.address == server.address && $0.port == server.port } }
    }

    /// Nothing of the group: what a withdrawal publishes.
    package var emptied: FleetConfiguration {
        var nothing = self
        nothing.servers = []
        nothing.users = []
        nothing.queryRules = []
        nothing.tls = nil
        return nothing
    }
}
