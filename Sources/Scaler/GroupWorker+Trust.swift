import FleetModel
import Logging
import Observability
import Pacing

/// What a worker remembers of certificates between its steps; nothing of it has to survive.
struct TrustWatch {
    /// After a failure: when the next try is due.
    var retryAt: Timestamp?
    /// What failed, as a sentence.
    var problem: String?
    /// Failures one after another.
    var failures = 0
    /// Failed tries to delete what a group that is being removed leaves behind.
    var removalFailures = 0
    /// So many of those are made.
    static let removalTries = 5
}

extension GroupWorker {
    /// Does the next thing about the group's certificates.
    /// - Parameter also: a replica that is about to serve.
    /// - Returns: what was done, or nil when nothing is due or it failed: scaling goes on meanwhile.
    func keepTrust(
        _ stored: Versioned<GroupRecord>, also: InstanceName? = nil
    ) async throws(StoreError) -> StepReport? {
        var record = stored.document
        guard let trust = record.trust else { return nil }
        let now = around.wallClock.now()
        if record.refreshTrust() {
            try await save(record, stored.version)
            return .did("the configuration has what is known of its backends' certificates")
        }
        guard let provider = around.certificates else { return nil }
        if let retry = trustWatch.retryAt, now < retry, retry.since(now) <= .seconds(600) { return nil }
        var names = record.configuration.servers.map(\.name).reduce(into: [String]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        if let also { names.append(also.text) }
        note(record, now)
        let step = trust.next(
            names, of: name, by: settings.trust, isPublished: isVerified(record.configuration.generation), at: now)
        guard let step else { return nil }
        let sentence: String
        do throws(ProviderError) {
            sentence = try await take(step, provider, &record, now)
        } catch {
            trustWatch.failures += 1
            trustWatch.problem = "\(error)"
            let pause = min(Duration.seconds(10) * (1 << min(trustWatch.failures, 6)), .seconds(600))
            trustWatch.retryAt = now.advanced(by: pause)
            ScalerMetric.trustFailures.count(name.text)
            ScalerMetric.trustFailing.set(1, name.text)
            logger.warning(
                "certificates of backends", metadata: ["error": "\(error)", "trust.step": "\(Self.word(step))"])
            return nil
        }
        trustWatch = TrustWatch()
        ScalerMetric.trustFailing.set(0, name.text)
        record.refreshTrust()
        try await save(record, stored.version)
        return .did(sentence)
    }

    /// Deletes the client certificates that were made for a group which no node knows any more, one a step.
    ///
    /// A provider that goes on failing does not keep the group for ever: what is left is named in the log.
    /// - Returns: what was done or is waited for; nil when none is left.
    func endTrust(_ stored: Versioned<GroupRecord>) async throws(StoreError) -> StepReport? {
        var record = stored.document
        guard let provider = around.certificates, var trust = record.trust,
            trustWatch.removalFailures < TrustWatch.removalTries
        else { return nil }
        let now = around.wallClock.now()
        let sentence: String
        do throws(ProviderError) {
            if let (server, known) = trust.backends.first(where: { $0.value.making != nil }) {
                try await deleteAll(named: known.making ?? "", on: server, provider)
                trust.backends[server]?.making = nil
                record.trust = trust
                sentence = "\(server) has no certificate whose making was under way"
            } else {
                trust.mode = .off
                trust.trim(to: Set(trust.backends.keys))
                record.trust = trust
                guard let step = trust.next([], of: name, by: settings.trust, isPublished: true, at: now) else {
                    return nil
                }
                sentence = try await take(step, provider, &record, now)
            }
        } catch {
            trustWatch.removalFailures += 1
            let left = trust.backends.filter { $0.value.fingerprint != nil || !$0.value.retiring.isEmpty }.keys.sorted()
            logger.warning(
                "client certificates of a group that is being removed",
                metadata: [
                    "error": "\(error)", "backends": "\(left.joined(separator: " "))",
                    "tries.left": "\(TrustWatch.removalTries - trustWatch.removalFailures)",
                ])
            return .waits("deleting client certificates failed: \(error)", next: settings.publicationRetry)
        }
        trustWatch = TrustWatch()
        try await save(record, stored.version)
        return .did(sentence)
    }

    private func deleteAll(
        named commonName: String, on server: String, _ provider: any BackendCertificates
    ) async throws(ProviderError) {
        guard let instance = try? InstanceName(server) else { return }
        for certificate in try await provider.clientCertificates(of: instance)
        where certificate.commonName == commonName {
            try await provider.deleteClientCertificate(certificate.fingerprint, on: instance)
        }
    }

    private func take(
        _ step: TrustStep, _ provider: any BackendCertificates, _ record: inout GroupRecord, _ now: Timestamp
    ) async throws(ProviderError) -> String {
        switch step {
        case .look(let server):
            // A configured server may be no instance of the provider's: what was stored with the group serves it.
            guard let instance = try? InstanceName(server) else {
                _ = record.trust?.looked(server, [], at: now)
                return "\(server) is no instance's name: the group's own CA serves it"
            }
            var listed: [String] = []
            do throws(ProviderError) {
                for text in try await provider.serverAuthorities(of: instance) {
                    listed.append(try Self.checked(server) { () throws(InvalidPEM) in try PEMText.certificates(text) })
                }
            } catch {
                guard error.code == .notFound, record.tls?.authority != nil else { throw error }
            }
            let isOther = record.trust?.looked(server, listed, at: now) ?? false
            guard record.isTrusted(server) || record.trust?.backends[server]?.authorities.isEmpty == false else {
                throw ProviderError(.notFound, "\(server) has no server CA, and none is stored with the group")
            }
            return isOther ? "\(server) has other server CAs than before: \(listed.count)" : "looked at \(server)'s CAs"
        case .intend(let server, let commonName):
            record.trust?.intended(server, commonName: commonName)
            return "a client certificate \(commonName) is to be made for \(server)"
        case .make(let server, let commonName):
            let instance = try Self.instance(server)
            try await deleteAll(named: commonName, on: server, provider)
            let (certificate, identity) = try await provider.makeClientCertificate(commonName, on: instance)
            let checked = try Self.checked(server) { () throws(InvalidPEM) in
                ClientIdentity(
                    certificate: try PEMText.certificates(identity.certificate), key: try PEMText.key(identity.key))
            }
            record.trust?.made(
                server, checked, fingerprint: certificate.fingerprint, expiresAt: certificate.expiresAt)
            return "\(server) has the client certificate \(commonName)"
        case .retire(let server, let fingerprint):
            try await provider.deleteClientCertificate(fingerprint, on: try Self.instance(server))
            record.trust?.retired(server, fingerprint: fingerprint)
            return "a client certificate of \(server) that nobody uses any more was deleted"
        }
    }

    private func note(_ record: GroupRecord, _ now: Timestamp) {
        for (server, known) in record.trust?.backends ?? [:] {
            guard let end = known.expiresAt else { continue }
            ScalerMetric.trustExpiry.set(end.since(now).wholeMilliseconds / 1_000, name.text, server)
        }
    }

    private static func instance(_ server: String) throws(ProviderError) -> InstanceName {
        do throws(InvalidName) {
            return try InstanceName(server)
        } catch {
            throw ProviderError(.invalid, "\(server) is no instance's name, so it has no client certificates")
        }
    }

    private static func checked<Value>(
        _ server: String, _ body: () throws(InvalidPEM) -> Value
    ) throws(ProviderError) -> Value {
        do throws(InvalidPEM) {
            return try body()
        } catch {
            throw ProviderError(.invalid, "what the provider gave out for \(server) is no usable PEM: \(error)")
        }
    }

    private static func word(_ step: TrustStep) -> String {
        switch step {
        case .look(let server): "look at \(server)"
        case .intend(let server, _): "intend \(server)"
        case .make(let server, let commonName): "make \(commonName) on \(server)"
        case .retire(let server, let fingerprint): "delete \(fingerprint) on \(server)"
        }
    }
}
