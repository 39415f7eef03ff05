import FleetModel
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing
import _CryptoExtras

@testable import GoogleCloud

@Suite("Tokens of Pub/Sub's pushes", .timeLimit(.minutes(1)))
struct PushTokenTests {
    private struct Claims: Encodable {
        var iss = "https://accounts.google.com"
        var aud = "https://drover.example/"
        var email = "push@p.iam.gserviceaccount.com"
        var email_verified = true
        var exp: Int64
        var iat: Int64
    }

    @Test("only Google's signature, our audience, the expected account and the present time are accepted")
    func claims() async throws {
        let clock = TestWallClock()
        let now = clock.now().secondsSinceEpoch
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let other = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let parts = try key.publicKey.getKeyPrimitives()
        let set = [
            "keys": [["kid": "1", "kty": "RSA", "n": parts.modulus.base64URL, "e": parts.publicExponent.base64URL]]
        ]
        let data = try JSONEncoder().encode(set)
        let reads = Mutex(0)
        let router = Router()
        router.get("/certs") { _, _ in
            reads.withLock { $0 += 1 }
            return ByteBuffer(bytes: data)
        }
        try await withServer(router) { url in
            let verifier = PushTokenVerifier(
                expectation: .init(audience: "https://drover.example/", email: "push@p.iam.gserviceaccount.com"),
                request: GoogleRequest(endpoint: "\(url)/certs", timeout: patience), wallClock: clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            func accepts(
                signedBy signer: _RSA.Signing.PrivateKey? = nil, kid: String? = "1",
                _ change: (inout Claims) -> Void = { _ in }
            ) async throws -> Bool {
                var claims = Claims(exp: now + 600, iat: now)
                change(&claims)
                return await verifier.accepts(try JSONWebToken.signed(claims, by: signer ?? key, keyID: kid))
            }
            let good = try await accepts()
            #expect(good)
            let bad = [
                try await accepts(signedBy: other), try await accepts(kid: "2"), try await accepts(kid: nil),
                try await accepts { $0.iss = "https://evil.example" }, try await accepts { $0.aud = "other" },
                try await accepts { $0.email = "somebody@p.iam.gserviceaccount.com" },
                try await accepts { $0.email_verified = false }, try await accepts { $0.exp = now - 31 },
                try await accepts { $0.iat = now + 31 }, try await accepts { $0.exp = .min },
                try await accepts { $0.iat = .max },
            ]
            #expect(bad.allSatisfy { !$0 })
            let endless = try await accepts {
                $0.exp = .max
                $0.iat = .min
            }
            #expect(endless)
            let noToken = await verifier.accepts("a.b.c")
            #expect(!noToken)
            // The unknown key id came within a minute of the first read.
            #expect(reads.withLock { $0 } == 1)
            clock.advance(by: .seconds(61))
            _ = try await accepts(kid: "2")
            #expect(reads.withLock { $0 } == 2)
        }
    }

    @Test("keys that could not be read are asked for again soon, but not for each token")
    func keysAway() async throws {
        let clock = TestWallClock()
        let now = clock.now().secondsSinceEpoch
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let parts = try key.publicKey.getKeyPrimitives()
        let data = try JSONEncoder().encode([
            "keys": [["kid": "1", "kty": "RSA", "n": parts.modulus.base64URL, "e": parts.publicExponent.base64URL]]
        ])
        let state = Mutex((reads: 0, isAway: true))
        let router = Router()
        router.get("/certs") { _, _ in
            let isAway = state.withLock { state in
                state.reads += 1
                return state.isAway
            }
            return isAway
                ? Response(status: .notFound) : Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: data)))
        }
        try await withServer(router) { url in
            let verifier = PushTokenVerifier(
                expectation: .init(audience: "https://drover.example/", email: "push@p.iam.gserviceaccount.com"),
                request: GoogleRequest(endpoint: "\(url)/certs", timeout: patience), wallClock: clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let token = try JSONWebToken.signed(Claims(exp: now + 600, iat: now), by: key, keyID: "1")
            let answers = [await verifier.accepts(token), await verifier.accepts(token)]
            #expect(answers == [false, false])
            #expect(state.withLock { $0.reads } == 1)
            state.withLock { $0.isAway = false }
            clock.advance(by: .seconds(5))
            let isAccepted = await verifier.accepts(token)
            #expect(isAccepted)
        }
    }
}
