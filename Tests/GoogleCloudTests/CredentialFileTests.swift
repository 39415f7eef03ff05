import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import TestSupport
import Testing
import _CryptoExtras

@testable import GoogleCloud

@Suite("A credentials file that changes", .timeLimit(.minutes(1)))
struct CredentialFileTests {
    @Test("a rotated key is used from the next token on, and a file that is being written changes nothing")
    func rotated() async throws {
        let keys = try (0..<2).map { _ in try _RSA.Signing.PrivateKey(keySize: .bits2048) }
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString).json").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let clock = TestWallClock()
        let standIn = IdentityStandIn()
        try await withServer(standIn.router()) { url in
            func write(_ index: Int) throws {
                let document: JSONValue = [
                    "type": "service_account", "client_email": .string("sa\(index)@p.iam"),
                    "private_key": .string(keys[index].pkcs8PEMRepresentation), "token_uri": .string("\(url)/token"),
                ]
                try document.bytes().write(to: URL(fileURLWithPath: path), options: .atomic)
            }
            try write(0)
            let provider = try GoogleCredentials(
                environment: ["PUBSUB_CREDS": path], wallClock: clock, logger: quiet, timeout: patience
            ).provider(for: .pubSub)
            _ = try await provider.accessToken()
            try write(1)
            clock.advance(by: .seconds(3_600))
            _ = try await provider.accessToken()
            func signer() throws -> JSONWebToken {
                try JSONWebToken(parsing: try #require(standIn.received.last?.form["assertion"]))
            }
            #expect(try signer().isSigned(by: keys[1].publicKey))
            try Data("{\"type\":".utf8).write(to: URL(fileURLWithPath: path))
            clock.advance(by: .seconds(3_600))
            _ = try await provider.accessToken()
            #expect(try signer().isSigned(by: keys[1].publicKey))
            // A key that Google has deleted: the first call fails, and the next one reads the file that came meanwhile.
            standIn.fail(with: GoogleError(401, "invalid_client", "The key was deleted."))
            clock.advance(by: .seconds(3_600))
            await #expect(throws: GoogleFailure.self) { _ = try await provider.accessToken() }
            try write(0)
            _ = try await provider.accessToken()
            #expect(try signer().isSigned(by: keys[0].publicKey))
        }
    }
}
