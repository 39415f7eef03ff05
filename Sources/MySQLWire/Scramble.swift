import Crypto
import NIOCore
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The proofs of the authentication methods: pure functions of password and challenge.
package enum Scramble {
    /// SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password))); empty for an empty password
    /// (MySQL internals manual, "Secure Password Authentication").
    package static func native(password: String, challenge: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let first = [UInt8](Insecure.SHA1.hash(data: [UInt8](password.utf8)))
        let second = [UInt8](Insecure.SHA1.hash(data: first))
        let mask = [UInt8](Insecure.SHA1.hash(data: challenge + second))
        return zip(first, mask).map { $0 ^ $1 }
    }

    /// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge); empty for an empty password
    /// (MySQL manual, "Caching SHA-2 Pluggable Authentication").
    package static func cachingSHA2(password: String, challenge: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let first = [UInt8](SHA256.hash(data: [UInt8](password.utf8)))
        let second = [UInt8](SHA256.hash(data: first))
        let mask = [UInt8](SHA256.hash(data: second + challenge))
        return zip(first, mask).map { $0 ^ $1 }
    }

    /// The password with its NUL, XORed with the challenge, encrypted for the server's RSA key (OAEP with SHA-1).
    /// - Throws: `authenticationUnsupported` when the key cannot be used.
    package static func encrypted(
        password: String, challenge: [UInt8], publicKeyPEM: String
    ) throws(MySQLWireError) -> [UInt8] {
        guard !challenge.isEmpty else { throw MySQLWireError(.malformed, "the challenge is empty") }
        let masked = ([UInt8](password.utf8) + [0]).enumerated().map { $1 ^ challenge[$0 % challenge.count] }
        do {
            let key = try _RSA.Encryption.PublicKey(pemRepresentation: publicKeyPEM)
            return [UInt8](try key.encrypt(Data(masked), padding: .PKCS1_OAEP))
        } catch {
            throw MySQLWireError(.authenticationUnsupported, "the server's RSA key cannot be used: \(error)")
        }
    }

    /// The reverse of `encrypted`, for the server's side.
    /// - Throws: `malformed` when the bytes were not encrypted for this key.
    package static func decrypted(
        _ bytes: [UInt8], challenge: [UInt8], privateKeyPEM: String
    ) throws(MySQLWireError) -> String {
        do {
            let key = try _RSA.Encryption.PrivateKey(pemRepresentation: privateKeyPEM)
            let masked = [UInt8](try key.decrypt(Data(bytes), padding: .PKCS1_OAEP))
            let clear = masked.enumerated().map { $1 ^ challenge[$0 % max(challenge.count, 1)] }
            return String(decoding: clear.prefix { $0 != 0 }, as: UTF8.self)
        } catch {
            throw MySQLWireError(.malformed, "the encrypted password cannot be read: \(error)")
        }
    }

    /// Whether two proofs are equal, in time that does not depend on where they differ.
    package static func matches(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
