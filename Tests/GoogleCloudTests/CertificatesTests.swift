import FakeGoogle
import FleetModel
import GoogleCloud
import TestSupport
import Testing

@Suite("Certificates of Cloud SQL", .timeLimit(.minutes(1)))
struct CertificatesTests {
    @Test("the server CAs are listed, both while one is replaced")
    func authorities() async throws {
        try await withCloudSQL { standIn, provider, clock in
            let shop = try InstanceName("shop")
            let first = try await provider.serverAuthorities(of: shop)
            #expect(first.count == 1)
            let checked = try PEMText.certificates(first[0])
            #expect(checked == first[0])
            try standIn.rotate("shop")
            let both = try await provider.serverAuthorities(of: shop)
            #expect(both.count == 2 && both[0] == first[0])
            try standIn.completeRotation("shop")
            let last = try await provider.serverAuthorities(of: shop)
            #expect(last == [both[1]])
            await expect(.notFound) { _ = try await provider.serverAuthorities(of: try InstanceName("none")) }
        }
    }

    @Test("a client certificate comes with its key once, is listed, and is deleted, also twice")
    func clients() async throws {
        try await withCloudSQL { _, provider, clock in
            let shop = try InstanceName("shop")
            let (made, identity) = try await provider.makeClientCertificate("drover-1-shop", on: shop)
            _ = try PEMText.key(identity.key)
            _ = try PEMText.certificates(identity.certificate)
            #expect(!"\(identity)".contains("PRIVATE"))
            let listed = try await provider.clientCertificates(of: shop)
            #expect(listed == [made])
            #expect(made.expiresAt.map { $0 > clock.now() } == true)
            await #expect(throws: ProviderError.self) {
                _ = try await provider.makeClientCertificate("drover-1-shop", on: shop)
            }
            try await provider.deleteClientCertificate(made.fingerprint, on: shop)
            try await provider.deleteClientCertificate(made.fingerprint, on: shop)
            let left = try await provider.clientCertificates(of: shop)
            #expect(left.isEmpty)
            await expect(.invalid) { try await provider.deleteClientCertificate("../x", on: shop) }
        }
    }
}
