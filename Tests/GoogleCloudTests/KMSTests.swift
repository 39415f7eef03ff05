import Crypto
import FleetModel
import Foundation
import Hummingbird
import NIOCore
import Synchronization
import TestSupport
import Testing
import _CryptoExtras

@testable import GoogleCloud

@Suite("Passwords under a key in Cloud KMS", .timeLimit(.minutes(1)))
struct KMSTests {
    private let version = KMSKeyVersion(project: "p", location: "global", keyRing: "r", key: "k", version: "1")

    @Test(
        "what OAEP encrypts, another implementation decrypts, for keys of all sizes", arguments: [2_048, 3_072, 4_096])
    func oaep(bits: Int) throws {
        let key = try _RSA.Encryption.PrivateKey(keySize: .init(bitCount: bits))
        let oaep = try OAEP<SHA256>(pem: key.publicKey.pemRepresentation)
        for length in [0, 1, 40, bits / 8 - 66] {
            let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let ciphertext = try oaep.encrypt(message)
            #expect(ciphertext.count == bits / 8)
            let plain = try key.decrypt(Data(ciphertext), padding: .PKCS1_OAEP_SHA256)
            #expect(Array(plain) == message)
        }
        #expect(throws: OAEPFailure.self) {
            _ = try oaep.encrypt([UInt8](repeating: 1, count: bits / 8 - 65))
        }
    }

    @Test("checksums are those of RFC 3720, appendix B.4, and the usual check of digits")
    func checksums() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum([]) == 0)
    }

    @Test("powers are right", arguments: [(3, 200, "13"), (2, 10, "1024")] as [(UInt8, UInt8, String)])
    func powers(base: UInt8, exponent: UInt8, expected: String) throws {
        // Modulo 2⁶⁴ + 13, which is odd; 3²⁰⁰ by repeated multiplication.
        let modulus: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 13]
        let power = try #require(ModularPower(modulus: modulus))
        var slow: [UInt8] = [1]
        for _ in 0..<exponent { slow = power.power(Self.times(slow, base, power), [1]) }
        #expect(power.power([base], [exponent]) == slow)
        #expect(ModularPower(modulus: [1, 0, 0, 0, 0]) == nil)
    }

    /// base · small, by adding exponents of the same machinery: (x¹)·b is x added b times, done on plain integers.
    private static func times(_ value: [UInt8], _ factor: UInt8, _ power: ModularPower) -> [UInt8] {
        var result: [UInt8] = []
        var carry = 0
        for byte in value.reversed() {
            let product = Int(byte) * Int(factor) + carry
            result.append(UInt8(product & 0xFF))
            carry = product >> 8
        }
        while carry > 0 {
            result.append(UInt8(carry & 0xFF))
            carry >>= 8
        }
        return result.reversed()
    }

    private func withKMS(
        _ body: (KMSVault, _RSA.Encryption.PrivateKey, @escaping @Sendable () -> [String]) async throws -> Void
    ) async throws {
        let key = try _RSA.Encryption.PrivateKey(keySize: .bits2048)
        let (pem, publicPEM) = (key.pemRepresentation, key.publicKey.pemRepresentation)
        let calls = Mutex<[String]>([])
        let router = Router()
        let base = "/v1/projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions"
        router.get(RouterPath("\(base)/1/publicKey")) { _, _ in
            calls.withLock { $0.append("publicKey") }
            let answer = [
                "pem": publicPEM, "algorithm": "RSA_DECRYPT_OAEP_2048_SHA256",
                "pemCrc32c": String(CRC32C.checksum(publicPEM.utf8)),
            ]
            return ByteBuffer(bytes: try JSONEncoder().encode(answer))
        }
        router.post(RouterPath("\(base)/{name}")) { request, _ in
            calls.withLock { $0.append("decrypt") }
            let bytes = try await request.body.collect(upTo: 1 << 16)
            let body = try JSONDecoder().decode([String: String].self, from: Data(bytes.readableBytesView))
            let ciphertext = Data(base64Encoded: body["ciphertext"] ?? "") ?? Data()
            let key = try _RSA.Encryption.PrivateKey(pemRepresentation: pem)
            #expect(body["ciphertextCrc32c"] == String(CRC32C.checksum(ciphertext)))
            guard let plain = try? key.decrypt(ciphertext, padding: .PKCS1_OAEP_SHA256) else {
                return ByteBuffer(string: "{}")
            }
            let sum = CRC32C.checksum(plain) &+ (plain == Data("damaged".utf8) ? 1 : 0)
            return ByteBuffer(
                bytes: try JSONEncoder().encode(
                    ["plaintext": plain.base64EncodedString(), "plaintextCrc32c": String(sum)]))
        }
        try await withServer(router) { url in
            let vault = KMSVault(request: GoogleRequest(endpoint: url, timeout: patience))
            try await body(vault, key) { calls.withLock { $0 } }
        }
    }

    @Test("a password is sealed once, opened by KMS, and costs no second call")
    func vault() async throws {
        try await withKMS { vault, _, calls in
            let sealed = try await vault.seal(Secret("pa$$"), with: version)
            #expect(sealed.count == 344 && sealed.hasSuffix("="))
            let again = try await vault.seal(Secret("pa$$"), with: version)
            #expect(again == sealed)
            let known = try await vault.open(sealed, with: version)
            #expect(known == Secret("pa$$"))
            #expect(calls() == ["publicKey"])
            // What no repetition can mend is not called an outage.
            let failure = await #expect(throws: StoreError.self) {
                _ = try await vault.seal(Secret(String(repeating: "x", count: 191)), with: version)
            }
            guard case .unacceptable = failure else {
                Issue.record("not unacceptable: \(String(describing: failure))")
                return
            }
        }
    }

    @Test("what Chester sealed is opened, and sealed again as it was")
    func chester() async throws {
        try await withKMS { vault, key, calls in
            let theirs = try key.publicKey.encrypt(Data("pw".utf8), padding: .PKCS1_OAEP_SHA256).base64URLPadded
            let opened = try await vault.open(theirs, with: version)
            #expect(opened == Secret("pw"))
            let sealed = try await vault.seal(Secret("pw"), with: version)
            #expect(sealed == theirs)
            #expect(calls() == ["decrypt"])
            let damaged = try key.publicKey.encrypt(Data("damaged".utf8), padding: .PKCS1_OAEP_SHA256)
            await #expect(throws: StoreError.self) { _ = try await vault.open(damaged.base64URLPadded, with: version) }
            await #expect(throws: StoreError.self) { _ = try await vault.open("no base64!", with: version) }
            // The key opens no such thing, and the answer says nothing, not even a checksum.
            await #expect(throws: StoreError.self) { _ = try await vault.open("c3RyYW5nZQ==", with: version) }
        }
    }

    @Test("a secret is read without the line break that echo leaves")
    func secretManager() async throws {
        let router = Router()
        router.get("/v1/projects/p/secrets/blank/versions/{version}") { _, _ in "{\"payload\":{\"data\":\"Cg==\"}}" }
        router.get("/v1/projects/p/secrets/token/versions/{version}") { _, context in
            let data = Data("s3cret\n".utf8).base64EncodedString()
            #expect(context.parameters.get("version") == "latest:access")
            return "{\"payload\":{\"data\":\"\(data)\"}}"
        }
        try await withServer(router) { url in
            let secrets = SecretManager(request: GoogleRequest(endpoint: url, timeout: patience), project: "p")
            let read = try await secrets.secret("token")
            #expect(read == Secret("s3cret"))
            await #expect(throws: GoogleFailure.self) { _ = try await secrets.secret("other") }
            // A line break alone would become a token that everybody has.
            await #expect(throws: GoogleFailure.self) { _ = try await secrets.secret("blank") }
        }
    }
}

/// SHA-512, which only OpenSSL here can decrypt.
@Suite(
    "OAEP with SHA-512 against OpenSSL",
    .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"), .timeLimit(.minutes(1)))
struct OpenSSLIntegration {
    @Test("OpenSSL decrypts what we encrypt")
    func decrypts() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let key = try _RSA.Encryption.PrivateKey(keySize: .bits4096)
        try key.pemRepresentation.write(to: folder.appending(path: "key.pem"), atomically: true, encoding: .utf8)
        let ciphertext = try OAEP<SHA512>(pem: key.publicKey.pemRepresentation).encrypt(Array("s'ecret".utf8))
        try Data(ciphertext).write(to: folder.appending(path: "ciphertext"))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.currentDirectoryURL = folder
        process.arguments = [
            "pkeyutl", "-decrypt", "-inkey", "key.pem", "-in", "ciphertext", "-out", "plain", "-pkeyopt",
            "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha512",
        ]
        try process.run()
        process.waitUntilExit()
        let plain = try String(contentsOf: folder.appending(path: "plain"), encoding: .utf8)
        #expect(plain == "s'ecret")
    }
}
