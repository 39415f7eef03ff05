import Crypto
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A signed JSON web token in its compact form (RFC 7515, section 7.1); only RS256, which is what Google signs and
/// expects (RFC 7518, section 3.3).
struct JSONWebToken: Sendable {
    struct Header: Codable, Sendable {
        var alg: String
        var typ: String?
        var kid: String?
    }

    /// Why a text is no token.
    struct Malformed: Error {}

    var header: Header
    /// The claims, as JSON.
    var payload: Data
    private var signature: Data
    private var signed: Data

    /// Takes a token apart without believing any of it.
    init(parsing text: String) throws(Malformed) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Data(base64URL: parts[0]), let payload = Data(base64URL: parts[1]),
            let signature = Data(base64URL: parts[2]),
            let header = try? JSONDecoder().decode(Header.self, from: head)
        else { throw Malformed() }
        self.header = header
        self.payload = payload
        self.signature = signature
        signed = Data("\(parts[0]).\(parts[1])".utf8)
    }

    /// Whether `key` signed it, by RS256 and nothing else.
    func isSigned(by key: _RSA.Signing.PublicKey) -> Bool {
        header.alg == "RS256"
            && key.isValidSignature(
                _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: signed),
                padding: .insecurePKCS1v1_5)
    }

    /// Signs `claims`.
    static func signed(
        _ claims: some Encodable, by key: _RSA.Signing.PrivateKey, keyID: String?
    ) throws -> String {
        let header = Header(alg: "RS256", typ: "JWT", kid: keyID)
        let text =
            try "\(JSONEncoder().encode(header).base64URL).\(JSONEncoder().encode(claims).base64URL)"
        let signature = try key.signature(for: SHA256.hash(data: Data(text.utf8)), padding: .insecurePKCS1v1_5)
        return "\(text).\(signature.rawRepresentation.base64URL)"
    }
}

extension Data {
    /// RFC 4648, section 5, without padding.
    var base64URL: String {
        var text = base64EncodedString()
        while text.last == "=" { text.removeLast() }
        return String(text.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    /// Reads base64url, with padding or without.
    init?(base64URL text: some StringProtocol) {
        var plain = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        while plain.last == "=" { plain.removeLast() }
        guard plain.utf8.count % 4 != 1 else { return nil }
        plain += String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        self.init(base64Encoded: plain)
    }
}
