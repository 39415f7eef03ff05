import FleetModel
import Testing

@Suite("Rotation of what verifies backends")
struct GroupTrustTests {
    private let rule = TrustRule()
    private let start = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private func record(_ mode: BackendTLSMode) throws -> GroupRecord {
        let name = try InstanceName("shop")
        var made = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: (
                    [
                        BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary),
                        BackendServer(name: "shop-r", address: "10.0.0.2", hostgroup: 10, origin: .configured),
                    ], [], []
                )), policy: ScalingPolicy(maximumReplicas: 3), primaryInstance: name)
        made.trust = GroupTrust(mode: mode)
        return made
    }

    private func next(_ record: GroupRecord, at now: Timestamp, published: Bool = true) -> TrustStep? {
        record.trust?.next(
            record.configuration.servers.map(\.name), of: record.name, by: rule, isPublished: published, at: now)
    }

    @Test("it is turned on for all servers at once, when the CA of each is known")
    func turnedOn() throws {
        var record = try record(.verifyCA)
        #expect(next(record, at: start) == .look("shop"))
        _ = record.trust?.looked("shop", ["CA1"], at: start)
        record.refreshTrust()
        #expect(record.configuration.tls == nil && record.configuration.generation == 1)
        #expect(next(record, at: start) == .look("shop-r"))
        _ = record.trust?.looked("shop-r", ["CA2"], at: start)
        record.refreshTrust()
        #expect(record.configuration.tls?.map(\.authorities) == ["CA1", "CA2"])
        #expect(record.configuration.generation == 2)
        #expect(next(record, at: start) == nil)
        record.refreshTrust()
        #expect(record.configuration.generation == 2, "nothing changed")
        record.trust?.mode = .off
        record.refreshTrust()
        #expect(record.configuration.tls == nil && record.configuration.generation == 3)
    }

    @Test("while a CA is replaced, the file has both; an empty answer takes none away")
    func authority() throws {
        var record = try record(.verifyCA)
        for name in ["shop", "shop-r"] { _ = record.trust?.looked(name, ["CA1"], at: start) }
        record.refreshTrust()
        let later = start.advanced(by: rule.lookPeriod)
        #expect(next(record, at: later) == .look("shop"))
        #expect(record.trust?.looked("shop", ["CA1", "CA2", "CA1"], at: later) == true)
        record.refreshTrust()
        #expect(record.configuration.tls?.first?.authorities == "CA1CA2")
        #expect(record.trust?.looked("shop", [], at: later) == false)
        record.refreshTrust()
        #expect(record.configuration.tls?.first?.authorities == "CA1CA2")
        #expect(record.trust?.looked("shop", ["CA2"], at: later) == true)
        record.refreshTrust()
        #expect(record.configuration.tls?.first?.authorities == "CA2")
    }

    @Test("a client certificate is written down, made, published, and only then is the one before it deleted")
    func client() throws {
        var record = try record(.clientCertificate)
        record.configuration.servers.removeLast()
        _ = record.trust?.looked("shop", ["CA1"], at: start)
        guard case .intend("shop", let first) = next(record, at: start) else { return #expect(Bool(false)) }
        record.trust?.intended("shop", commonName: first)
        #expect(next(record, at: start) == .make("shop", commonName: first))
        #expect(!record.isTrusted("shop"))
        let end = start.advanced(by: .seconds(100 * 86_400))
        record.trust?.made(
            "shop", ClientIdentity(certificate: "C1", key: Secret("K1")), fingerprint: "aa", expiresAt: end)
        record.refreshTrust()
        #expect(record.configuration.tls?.first?.identity?.certificate == "C1")
        #expect(next(record, at: start) == nil)
        let nearEnd = end.advanced(by: .seconds(-29 * 86_400))
        _ = record.trust?.looked("shop", ["CA1"], at: nearEnd)
        guard case .intend("shop", let second) = next(record, at: nearEnd) else { return #expect(Bool(false)) }
        #expect(second != first)
        record.trust?.intended("shop", commonName: second)
        record.trust?.made(
            "shop", ClientIdentity(certificate: "C2", key: Secret("K2")), fingerprint: "bb",
            expiresAt: nearEnd.advanced(by: .seconds(100 * 86_400)))
        record.refreshTrust()
        #expect(record.configuration.tls?.first?.identity?.certificate == "C2")
        #expect(next(record, at: nearEnd, published: false) == nil, "not before it is everywhere")
        #expect(next(record, at: nearEnd) == .retire("shop", fingerprint: "aa"))
        record.trust?.retired("shop", fingerprint: "aa")
        #expect(next(record, at: nearEnd) == nil)
        #expect(!"\(record)".contains("K2"))
    }

    @Test("without client certificates the one that was made is deleted, once no node uses it")
    func turnedOff() throws {
        var record = try record(.clientCertificate)
        record.configuration.servers.removeLast()
        _ = record.trust?.looked("shop", ["CA1"], at: start)
        record.trust?.made(
            "shop", ClientIdentity(certificate: "C1", key: Secret("K1")), fingerprint: "aa", expiresAt: nil)
        record.refreshTrust()
        record.trust?.mode = .off
        record.refreshTrust()
        #expect(record.configuration.tls == nil)
        #expect(next(record, at: start, published: false) == nil)
        #expect(next(record, at: start) == .retire("shop", fingerprint: "aa"))
    }

    @Test("what was stored with the group serves for instances that the provider knows nothing of")
    func stored() throws {
        var record = try record(.clientCertificate)
        record.tls = TLSMaterial(key: Secret("K"), certificate: "C", authority: "CA")
        #expect(record.isTrusted("shop"))
        record.refreshTrust()
        #expect(record.configuration.tls?.map(\.authorities) == ["CA", "CA"])
        #expect(record.configuration.tls?.first?.identity == ClientIdentity(certificate: "C", key: Secret("K")))
    }

    @Test("a server that is new is not planned unverified, and one that is gone is forgotten")
    func servers() throws {
        var record = try record(.verifyCA)
        for name in ["shop", "shop-r"] { _ = record.trust?.looked(name, ["CA"], at: start) }
        record.refreshTrust()
        record.configuration.servers.append(
            BackendServer(name: "new", address: "10.0.0.3", hostgroup: 10, origin: .configured))
        record.refreshTrust()
        #expect(record.configuration.unverifiableServers.map(\.name) == ["new"])
        #expect(next(record, at: start) == .look("new"))
        record.configuration.servers.removeAll { $0.name == "shop-r" }
        record.refreshTrust()
        #expect(record.trust?.backends.keys.sorted() == ["shop"])
        #expect(record.configuration.tls?.map(\.address) == ["10.0.0.1"])
    }
}
