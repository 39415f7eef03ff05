import FleetModel
import Testing

@testable import GoogleCloud

/// Turns texts around, and takes no more of them than RSA does.
private struct Vault: PasswordVault {
    func seal(_ password: Secret, with key: KMSKeyVersion) async throws(StoreError) -> String {
        guard password.reveal().utf8.count <= 190 else { throw .unavailable(reason: "too long") }
        return String(password.reveal().reversed()).replacing("\n", with: "_").replacing(" ", with: "~")
    }

    func open(_ text: String, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        Secret(String(text.reversed()).replacing("_", with: "\n").replacing("~", with: " "))
    }
}

@Suite("Private keys in Datastore")
struct PrivateKeysTests {
    private let key = KMSKeyVersion(project: "p", location: "l", keyRing: "r", key: "k", version: "1")

    @Test("a key is sealed piece by piece wherever it stands, and comes back as it was")
    func sealed() async throws {
        let pem = "-----BEGIN PRIVATE KEY-----\n\(String(repeating: "QUJD", count: 400))\n-----END PRIVATE KEY-----\n"
        let name = try InstanceName("shop")
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary)], [], [])),
            policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: name)
        var trust = GroupTrust(mode: .clientCertificate)
        _ = trust.looked("shop", ["CA"], at: Timestamp(secondsSinceEpoch: 0))
        trust.made(
            "shop", ClientIdentity(certificate: "C", key: Secret(pem)), fingerprint: "aa", expiresAt: nil)
        record.trust = trust
        record.refreshTrust()
        let clear = record
        let vault = Vault()
        let key = key
        try await record.changeKeys { text throws(StoreError) in try await vault.sealLong(text, with: key) }
        let sealed = [
            record.trust?.backends["shop"]?.identity?.key, record.configuration.tls?.first?.identity?.key,
        ].map { $0?.reveal() ?? "" }
        #expect(sealed.allSatisfy { !$0.isEmpty && !$0.contains("BEGIN PRIVATE KEY") })
        try await record.changeKeys { text throws(StoreError) in try await vault.openLong(text, with: key) }
        #expect(record == clear)
    }
}
