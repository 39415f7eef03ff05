/// What a group knows of its backends' certificates, and the certificates that its nodes prove themselves with: durable,
/// because the provider gives a private key once.
package struct GroupTrust: Hashable, Codable, Sendable {
    /// How the group's backends are to be spoken with.
    package var mode: BackendTLSMode
    /// By the name of the instance.
    package var backends: [String: BackendTrust]

    /// Begins with nothing known.
    package init(mode: BackendTLSMode) {
        self.mode = mode
        backends = [:]
    }
}

/// What is known of one instance.
package struct BackendTrust: Hashable, Codable, Sendable {
    /// Its server CAs, PEM, one each: two while the provider replaces one by another.
    package var authorities: [String] = []
    /// When they were looked up last.
    package var checkedAt: Timestamp?
    /// What nodes prove themselves with.
    package var identity: ClientIdentity?
    /// The provider's name of that certificate.
    package var fingerprint: String?
    /// When it ends.
    package var expiresAt: Timestamp?
    /// The common name of a certificate that is about to be made, decided before the call.
    package var making: String?
    /// Certificates that no node needs once the present configuration is everywhere.
    package var retiring: [String] = []

    /// Begins with nothing known.
    package init() {}
}

/// When things are done about certificates.
package struct TrustRule: Hashable, Sendable {
    /// Between two looks at an instance's server CAs.
    package var lookPeriod: Duration
    /// A client certificate is replaced when it ends sooner than this.
    package var renewBefore: Duration

    /// Makes a rule: ten minutes, and thirty days.
    package init(lookPeriod: Duration = .seconds(600), renewBefore: Duration = .seconds(30 * 86_400)) {
        self.lookPeriod = lookPeriod
        self.renewBefore = renewBefore
    }
}

/// The next thing to do about a group's certificates; each is one durable write or one effect with a write after it.
package enum TrustStep: Hashable, Sendable {
    /// Ask for the server CAs of the instance.
    case look(String)
    /// Write down the common name of a certificate that is to be made.
    case intend(String, commonName: String)
    /// Make it: one of that name that is there already was lost with its key, and is deleted first.
    case make(String, commonName: String)
    /// Delete a certificate that no node uses any more.
    case retire(String, fingerprint: String)
}

extension GroupTrust {
    /// Decides what is due for the instances `names`; nil when nothing is.
    ///
    /// A certificate is replaced by making, publishing and verifying the new one before the old one is deleted:
    /// `isPublished` says that every node runs the present configuration.
    package func next(
        _ names: [String], of group: InstanceName, by rule: TrustRule, isPublished: Bool, at now: Timestamp
    )
        -> TrustStep?
    {
        if mode != .off {
            for name in names {
                let known = backends[name] ?? BackendTrust()
                if known.checkedAt.map({ now.since($0) >= rule.lookPeriod || now < $0 }) ?? true { return .look(name) }
                guard mode == .clientCertificate else { continue }
                if let making = known.making { return .make(name, commonName: making) }
                let isEnding = known.expiresAt.map { $0.since(now) < rule.renewBefore } ?? false
                if known.identity == nil || isEnding {
                    return .intend(name, commonName: "drover-\(now.secondsSinceEpoch)-\(group.text.prefix(30))")
                }
            }
        }
        guard isPublished else { return nil }
        for (name, known) in backends.sorted(by: { $0.key < $1.key }) {
            if let fingerprint = known.retiring.first { return .retire(name, fingerprint: fingerprint) }
        }
        return nil
    }

    /// Takes up the server CAs that the provider lists.
    /// - Returns: whether they are others than before. None at all changes nothing: an answer can be incomplete.
    package mutating func looked(_ name: String, _ authorities: [String], at now: Timestamp) -> Bool {
        var known = backends[name] ?? BackendTrust()
        defer { backends[name] = known }
        known.checkedAt = now
        let listed = authorities.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        guard !listed.isEmpty, Set(listed) != Set(known.authorities) else { return false }
        known.authorities = listed
        return true
    }

    /// Writes the name of a certificate down before it is made.
    package mutating func intended(_ name: String, commonName: String) {
        backends[name, default: BackendTrust()].making = commonName
    }

    /// Takes up a certificate that was made; the one before it goes once this one is everywhere.
    package mutating func made(
        _ name: String, _ identity: ClientIdentity, fingerprint: String, expiresAt: Timestamp?
    ) {
        var known = backends[name] ?? BackendTrust()
        if let before = known.fingerprint { known.retiring.append(before) }
        known.identity = identity
        known.fingerprint = fingerprint
        known.expiresAt = expiresAt
        known.making = nil
        backends[name] = known
    }

    /// A certificate was deleted, or is gone.
    package mutating func retired(_ name: String, fingerprint: String) {
        backends[name]?.retiring.removeAll { $0 == fingerprint }
    }

    /// Forgets instances that are not among `names`, and certificates that the mode has no use for; a certificate whose
    /// instance stays is deleted before it is forgotten.
    package mutating func trim(to names: Set<String>) {
        backends = backends.filter { names.contains($0.key) }
        guard mode != .clientCertificate else { return }
        for name in backends.keys.sorted() {
            guard let fingerprint = backends[name]?.fingerprint else { continue }
            backends[name]?.retiring.append(fingerprint)
            backends[name]?.identity = nil
            backends[name]?.fingerprint = nil
            backends[name]?.expiresAt = nil
            backends[name]?.making = nil
        }
    }
}

extension GroupRecord {
    /// Whether `name` can be spoken with as the group wants it.
    package func isTrusted(_ name: String) -> Bool {
        guard let trust, trust.mode != .off else { return true }
        let known = trust.backends[name]
        guard !(known?.authorities.isEmpty ?? true) || tls?.authority != nil else { return false }
        return trust.mode != .clientCertificate || identity(of: name) != nil
    }

    private func identity(of name: String) -> ClientIdentity? {
        guard trust?.mode == .clientCertificate else { return nil }
        if let own = trust?.backends[name]?.identity { return own }
        guard let certificate = tls?.certificate, let key = tls?.key else { return nil }
        return ClientIdentity(certificate: certificate, key: key)
    }

    /// Brings what is known of the certificates into the configuration, whose generation grows when that changes it.
    ///
    /// It is turned on for all servers at once, when everything is known of each: before that the nodes go on as they
    /// were. What was stored with the group (Chester's `ca_data`, `cert_data`, `key_data`) serves for instances that the
    /// provider knows nothing of.
    /// - Returns: whether anything changed.
    @discardableResult
    package mutating func refreshTrust() -> Bool {
        guard let present = trust else { return false }
        trust?.trim(to: Set(configuration.servers.map(\.name) + replicas.map(\.name.text)))
        var wanted: [BackendTLS]?
        if present.mode != .off {
            guard configuration.tls != nil || configuration.servers.allSatisfy({ isTrusted($0.name) }) else {
                return trust != present
            }
            var backends: [BackendTLS] = []
            for server in configuration.servers where isTrusted(server.name) {
                let known = trust?.backends[server.name]?.authorities ?? []
                let authorities = known.isEmpty ? [tls?.authority ?? ""] : known
                let made = BackendTLS(
                    address: server.address, port: server.port, authorities: authorities.joined(),
                    identity: identity(of: server.name))
                if !backends.contains(where: { $0.address == made.address && $0.port == made.port }) {
                    backends.append(made)
                }
            }
            wanted = backends
        }
        guard wanted != configuration.tls else { return trust != present }
        configuration.tls = wanted
        configuration.generation += 1
        return true
    }
}

/// What tells of an instance's certificates and makes client certificates: Cloud SQL, or anything else that can.
package protocol BackendCertificates: Sendable {
    /// The server CAs that the instance's certificate may be signed by, PEM, one each; empty when it has none.
    func serverAuthorities(of name: InstanceName) async throws(ProviderError) -> [String]
    /// The client certificates of the instance.
    func clientCertificates(of name: InstanceName) async throws(ProviderError) -> [ClientCertificate]
    /// Makes one; the key is given out this once.
    func makeClientCertificate(
        _ commonName: String, on name: InstanceName
    ) async throws(ProviderError) -> (certificate: ClientCertificate, identity: ClientIdentity)
    /// Deletes one; one that is not there is no error.
    func deleteClientCertificate(_ fingerprint: String, on name: InstanceName) async throws(ProviderError)
}

/// A client certificate as the provider lists it.
package struct ClientCertificate: Hashable, Sendable {
    /// Its common name.
    package var commonName: String
    /// Names it at the provider.
    package var fingerprint: String
    /// When it ends.
    package var expiresAt: Timestamp?

    /// Makes it.
    package init(commonName: String, fingerprint: String, expiresAt: Timestamp?) {
        self.commonName = commonName
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
    }
}
