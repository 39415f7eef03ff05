import FleetModel
import Testing

@Suite("PEM texts")
struct PEMTextTests {
    private let certificate = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----"
    private let key = "-----BEGIN PRIVATE KEY-----\nTUlJRQ==\n-----END PRIVATE KEY-----"

    @Test("certificates are taken one after another, without what stands between them")
    func certificates() throws {
        let read = try PEMText.certificates("subject=CN\r\n\(certificate)\r\nissuer\n  \(certificate)  \n")
        #expect(read == "\(certificate)\n\(certificate)\n")
    }

    @Test(
        "what is broken is refused, and never shown",
        arguments: [
            "", "secret", "-----BEGIN CERTIFICATE-----\nsecret",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nAA\n-----END PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nsecret!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n\u{1F600}\n-----END CERTIFICATE-----",
        ])
    func broken(text: String) {
        let error = #expect(throws: InvalidPEM.self) { try PEMText.certificates(text) }
        #expect(error?.description.contains("secret") == false)
    }

    @Test("a huge text, and one of too many blocks, are refused")
    func huge() {
        #expect(throws: InvalidPEM.self) {
            try PEMText.certificates(certificate + String(repeating: "\n", count: 70_000))
        }
        #expect(throws: InvalidPEM.self) {
            try PEMText.certificates(Array(repeating: certificate, count: 33).joined(separator: "\n"))
        }
    }

    @Test("a key among certificates, and two keys, are refused")
    func mixed() throws {
        #expect(throws: InvalidPEM.self) { try PEMText.certificates("\(certificate)\n\(key)") }
        #expect(throws: InvalidPEM.self) { try PEMText.key(Secret("\(key)\n\(key)")) }
        #expect(throws: InvalidPEM.self) { try PEMText.key(Secret("\(certificate)\n\(key)")) }
        #expect(throws: InvalidPEM.self) {
            try PEMText.key(Secret(key.replacing("PRIVATE", with: "ENCRYPTED PRIVATE")))
        }
        #expect(try PEMText.key(Secret("\n\(key)")).reveal() == "\(key)\n")
    }
}
