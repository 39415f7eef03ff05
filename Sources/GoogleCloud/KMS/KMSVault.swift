import Crypto
package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Passwords encrypted as Chester does: with the public key of a version of a key in Cloud KMS, by RSA-OAEP, as base64url
/// with padding; Cloud KMS decrypts them (`cryptoKeyVersions.asymmetricDecrypt`).
///
/// What was decrypted or encrypted once is remembered, so that groups that are read again and again do not cost a call
/// for each password each time, and so that saving does not change what nobody changed.
package actor KMSVault: PasswordVault {
    private struct PublicKey: Decodable, Sendable {
        var pem: String?
        var pemCrc32c: String?
        var algorithm: String?

        func encrypt(_ message: [UInt8]) throws(OAEPFailure) -> [UInt8] {
            let pem = pem ?? ""
            return switch algorithm?.split(separator: "_").last {
            case "SHA512": try OAEP<SHA512>(pem: pem).encrypt(message)
            case "SHA256": try OAEP<SHA256>(pem: pem).encrypt(message)
            default: throw .algorithm(algorithm ?? "unknown")
            }
        }
    }

    private struct DecryptRequest: Encodable {
        var ciphertext: String
        var ciphertextCrc32c: String
    }

    private struct DecryptAnswer: Decodable, Sendable {
        var plaintext: String?
        var plaintextCrc32c: String?
        var verifiedCiphertextCrc32c: Bool?
    }

    private let request: GoogleRequest
    private var publicKeys: [KMSKeyVersion: PublicKey] = [:]
    private var opened: [KMSKeyVersion: [String: Secret]] = [:]
    private var sealed: [KMSKeyVersion: [Secret: String]] = [:]
    private static let maximumRemembered = 10_000
    private static let damaged = "what Cloud KMS or we received has another CRC32C than what was sent; try again"

    /// Calls Cloud KMS through `request`.
    package init(request: GoogleRequest) {
        self.request = request
    }

    package func seal(_ password: Secret, with key: KMSKeyVersion) async throws(StoreError) -> String {
        if let known = sealed[key]?[password] { return known }
        let what = "encrypting a password with \(key.resource)"
        let publicKey = try await publicKey(key, what)
        let bytes: [UInt8]
        do throws(OAEPFailure) {
            bytes = try publicKey.encrypt(Array(password.reveal().utf8))
        } catch {
            switch error {
            case .tooLong: throw .unacceptable(document: "a password", reason: "\(what): \(error)")
            case .key, .algorithm: throw .unavailable(reason: "\(what): \(error)")
            }
        }
        let text = Data(bytes).base64URLPadded
        remember(password, text, key)
        return text
    }

    package func open(_ text: String, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        if let known = opened[key]?[text] { return known }
        let what = "decrypting a password with \(key.resource)"
        guard let ciphertext = Data(base64URL: text) else {
            throw .corrupt(document: "a password", reason: "it is not base64url, though its group names a key")
        }
        let answer = try await sorted(what, "roles/cloudkms.cryptoKeyDecrypter") {
            [request] () async throws(GoogleFailure) in
            let call = try GoogleCall(.POST, "/v1/\(key.resource):asymmetricDecrypt", effect: .idempotent)
                .json(
                    DecryptRequest(
                        ciphertext: ciphertext.base64EncodedString(),
                        ciphertextCrc32c: String(CRC32C.checksum(ciphertext))))
            return try await request.send(call, as: DecryptAnswer.self)
        }
        // An empty password leaves the field out, but not its checksum; an answer with neither must not become one.
        let encoded = answer.plaintext ?? (answer.plaintextCrc32c == nil ? nil : "")
        guard let bytes = encoded.flatMap({ Data(base64Encoded: $0) }),
            let plain = String(bytes: bytes, encoding: .utf8)
        else { throw .unavailable(reason: "\(what): the answer is no text") }
        guard answer.verifiedCiphertextCrc32c ?? true, CRC32C.agrees(bytes, with: answer.plaintextCrc32c) else {
            throw .unavailable(reason: "\(what): \(Self.damaged)")
        }
        let password = Secret(plain)
        remember(password, text, key)
        return password
    }

    private func remember(_ password: Secret, _ text: String, _ key: KMSKeyVersion) {
        if opened[key, default: [:]].count >= Self.maximumRemembered {
            opened[key] = [:]
            sealed[key] = [:]
        }
        opened[key, default: [:]][text] = password
        sealed[key, default: [:]][password] = text
    }

    private func publicKey(_ key: KMSKeyVersion, _ what: String) async throws(StoreError) -> PublicKey {
        if let known = publicKeys[key] { return known }
        let found = try await sorted(what, "roles/cloudkms.publicKeyViewer") {
            [request] () async throws(GoogleFailure) in
            try await request.send(GoogleCall(.GET, "/v1/\(key.resource)/publicKey"), as: PublicKey.self)
        }
        guard CRC32C.agrees((found.pem ?? "").utf8, with: found.pemCrc32c) else {
            throw .unavailable(reason: "\(what): \(Self.damaged)")
        }
        publicKeys[key] = found
        return found
    }

    private func sorted<Value: Sendable>(
        _ what: String, _ role: String, _ body: () async throws(GoogleFailure) -> Value
    ) async throws(StoreError) -> Value {
        do throws(GoogleFailure) {
            return try await body()
        } catch {
            let advice = error.code == .permissionDenied ? "; grant the service account \(role)" : ""
            throw .unavailable(reason: "\(what): \(error)\(advice)")
        }
    }
}

extension Data {
    /// RFC 4648, section 5, with padding: Go's `base64.URLEncoding`.
    var base64URLPadded: String {
        String(base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }
}
