import FleetModel
import Foundation
import Logging
import Scaler
import Synchronization
import TestSupport
import Testing

/// Certificates that are texts; a call may fail, before or after it took effect.
private final class Certificates: BackendCertificates {
    struct State {
        var authorities: [String: [String]] = [:]
        var clients: [String: [ClientCertificate]] = [:]
        var made = 0
        var fails: ProviderError?
        var losesAnswer = false
    }
    let state = Mutex(State())

    static func pem(_ label: String, _ text: String) -> String {
        "-----BEGIN \(label)-----\n\(Data(text.utf8).base64EncodedString())\n-----END \(label)-----\n"
    }

    func serverAuthorities(of name: InstanceName) async throws(ProviderError) -> [String] {
        let (failure, listed) = state.withLock {
            ($0.fails, $0.authorities[name.text] ?? [Self.pem("CERTIFICATE", "CA of \(name)")])
        }
        if let failure { throw failure }
        return listed
    }

    func clientCertificates(of name: InstanceName) async throws(ProviderError) -> [ClientCertificate] {
        state.withLock { $0.clients[name.text] ?? [] }
    }

    func makeClientCertificate(
        _ commonName: String, on name: InstanceName
    ) async throws(ProviderError) -> (certificate: ClientCertificate, identity: ClientIdentity) {
        let (number, isNew, loses) = state.withLock { state in
            let isNew = !(state.clients[name.text] ?? []).contains { $0.commonName == commonName }
            state.made += 1
            if isNew {
                state.clients[name.text, default: []].append(
                    ClientCertificate(
                        commonName: commonName, fingerprint: "a\(state.made)",
                        expiresAt: Timestamp(secondsSinceEpoch: 4_000_000_000)))
            }
            defer { state.losesAnswer = false }
            return (state.made, isNew, state.losesAnswer)
        }
        guard isNew else { throw ProviderError(.alreadyExists, commonName) }
        guard !loses else { throw ProviderError(.unavailable, "the answer was lost") }
        let made = state.withLock { $0.clients[name.text]?.last }
        guard let made else { throw ProviderError(.unavailable, "gone") }
        return (
            made,
            ClientIdentity(
                certificate: Self.pem("CERTIFICATE", "client \(number)"),
                key: Secret(Self.pem("PRIVATE KEY", "key \(number)")))
        )
    }

    func deleteClientCertificate(_ fingerprint: String, on name: InstanceName) async throws(ProviderError) {
        if let failure = state.withLock({ $0.fails }) { throw failure }
        state.withLock { $0.clients[name.text]?.removeAll { $0.fingerprint == fingerprint } }
    }
}

/// Keeps every line that is logged.
private struct Kept: LogHandler {
    let lines: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines("\(event.message) \(metadata) \(event.metadata ?? [:])")
    }
}

@Suite("The life of a group whose backends are verified", .timeLimit(.minutes(1)))
struct TrustLifeTests {
    private func world(
        _ mode: BackendTLSMode,
        _ body: (FaultWorld, Certificates, GroupWorker, () throws -> GroupRecord, () -> String)
            async throws -> Void
    ) async throws {
        let name = try InstanceName("shop")
        let world = FaultWorld(seed: 1, primary: name)
        let store = FaultStore(world)
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary)], [], [])),
            policy: ScalingPolicy(minimumReplicas: 1, maximumReplicas: 3), primaryInstance: name)
        record.trust = GroupTrust(mode: mode)
        try await store.insert(record)
        let certificates = Certificates()
        let suffixes = SuffixCounter(seed: 1)
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: world, fleet: world, wallClock: world.wallClock,
            inventoryLifetime: .seconds(60), nameSuffix: { suffixes.next() })
        around.certificates = certificates
        let lines = Mutex("")
        let worker = GroupWorker(
            name: name, around: around, settings: ScalerSettings(inventoryPeriod: .seconds(60)),
            logger: Logger(label: "test") { _ in Kept(lines: { line in lines.withLock { $0 += line + "\n" } }) })
        try await body(
            world, certificates, worker, { try #require(world.state.withLock { $0.groups[name] }).document },
            { lines.withLock { $0 } })
    }

    /// Steps until `isDone`, moving the clock as the steps ask.
    private func run(
        _ worker: GroupWorker, _ world: FaultWorld, steps: Int = 400, until isDone: () throws -> Bool
    ) async throws {
        for _ in 0..<steps {
            if try isDone() { return }
            let report = try await worker.step()
            world.wallClock.advance(by: max(report?.next ?? .seconds(1), .milliseconds(100)))
        }
        #expect(try isDone())
    }

    @Test("a new replica serves only with its own CA and certificate; its key is in no log")
    func admitted() async throws {
        try await world(.clientCertificate) { world, certificates, worker, record, log in
            try await run(worker, world) {
                let now = try record()
                #expect(now.configuration.tls == nil || now.configuration.unverifiableServers.isEmpty)
                return now.replicas.contains { $0.state == .serving } && now.trust?.backends.count == 2
            }
            let done = try record()
            #expect(done.configuration.tls?.count == 2)
            #expect(done.configuration.tls?.allSatisfy { $0.identity != nil } == true)
            let key = Data("key 1".utf8).base64EncodedString()
            #expect(!log().contains(key) && !"\(done)".contains(key))
        }
    }

    @Test("a certificate whose answer was lost is deleted and made again; none is left over")
    func lost() async throws {
        try await world(.clientCertificate) { world, certificates, worker, record, _ in
            certificates.state.withLock { $0.losesAnswer = true }
            try await run(worker, world) { try record().configuration.tls?.first?.identity != nil }
            #expect(certificates.state.withLock { $0.made } >= 2)
            #expect(certificates.state.withLock { $0.clients["shop"]?.count } == 1)
        }
    }

    @Test("while the provider does not answer the nodes keep what they have, and it is taken up afterwards")
    func failing() async throws {
        try await world(.verifyCA) { world, certificates, worker, record, log in
            try await run(worker, world) { try record().configuration.tls != nil }
            let before = try record().configuration.tls
            certificates.state.withLock { $0.fails = ProviderError(.permissionDenied, "no") }
            for _ in 0..<20 {
                _ = try await worker.step()
                world.wallClock.advance(by: .seconds(120))
            }
            #expect(try record().configuration.tls?.first == before?.first)
            #expect(log().contains("certificates of backends"))
            let both = [Certificates.pem("CERTIFICATE", "old"), Certificates.pem("CERTIFICATE", "new")]
            certificates.state.withLock {
                $0.fails = nil
                $0.authorities["shop"] = both
            }
            try await run(worker, world) { try record().configuration.tls?.first?.authorities == both.joined() }
        }
    }

    @Test(
        "a group that is removed leaves no client certificate behind, and goes even when they cannot be deleted",
        arguments: [false, true])
    func removed(providerFails: Bool) async throws {
        try await world(.clientCertificate) { world, certificates, worker, record, log in
            try await run(worker, world) {
                try record().replicas.contains { $0.state == .serving } && record().configuration.tls?.count == 2
            }
            #expect(certificates.state.withLock { $0.clients["shop"]?.count } == 1)
            let name = try InstanceName("shop")
            world.state.withLock { state in
                state.groups[name]?.document.removal = GroupRemoval(
                    requestedAt: world.wallClock.now(), deletesReplicas: true)
            }
            if providerFails {
                certificates.state.withLock { $0.fails = ProviderError(.permissionDenied, "no") }
            }
            try await run(worker, world) { world.state.withLock { $0.groups[name] } == nil }
            #expect(certificates.state.withLock { $0.clients["shop"]?.count } == (providerFails ? 1 : 0))
            #expect(log().contains("client certificates of a group that is being removed") == providerFails)
        }
    }
}
