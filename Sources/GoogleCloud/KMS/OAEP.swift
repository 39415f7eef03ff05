import Crypto
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why nothing was encrypted.
enum OAEPFailure: Error, CustomStringConvertible {
    case key
    case algorithm(String)
    case tooLong(maximum: Int)

    var description: String {
        switch self {
        case .key: "the public key is not an RSA key in PEM"
        case .algorithm(let name): "the key's algorithm is \(name); create one with RSA_DECRYPT_OAEP_4096_SHA512"
        case .tooLong(let maximum): "the key encrypts at most \(maximum) bytes"
        }
    }
}

/// Encryption with an RSA public key by OAEP, with one hash for everything and no label (RFC 8017, section 7.1), as
/// Go's `rsa.EncryptOAEP` and Cloud KMS do it.
struct OAEP<Hash: HashFunction> {
    private let size: Int
    private let exponent: Data
    private let power: ModularPower

    /// Takes a key as `SubjectPublicKeyInfo` in PEM.
    init(pem: String) throws(OAEPFailure) {
        guard let key = try? _RSA.Signing.PublicKey(pemRepresentation: pem),
            let parts = try? key.getKeyPrimitives(), let power = ModularPower(modulus: parts.modulus)
        else { throw .key }
        size = (key.keySizeInBits + 7) / 8
        exponent = parts.publicExponent
        self.power = power
    }

    /// Encrypts `message`; `seed` has as many bytes as a hash and is new each time.
    func encrypt(_ message: some Collection<UInt8>, seed: [UInt8]) throws(OAEPFailure) -> [UInt8] {
        let hash = Hash.Digest.byteCount
        let maximum = size - 2 * hash - 2
        guard message.count <= maximum else { throw .tooLong(maximum: max(maximum, 0)) }
        var block = Array(Hash.hash(data: Data()))
        block += [UInt8](repeating: 0, count: maximum - message.count) + [1] + message
        for (index, byte) in Self.mask(seed, block.count).enumerated() { block[index] ^= byte }
        var maskedSeed = seed
        for (index, byte) in Self.mask(block, hash).enumerated() { maskedSeed[index] ^= byte }
        let result = power.power([0] + maskedSeed + block, exponent)
        return Array(result.suffix(size))
    }

    /// Encrypts `message` with a random seed.
    func encrypt(_ message: some Collection<UInt8>) throws(OAEPFailure) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let seed = (0..<Hash.Digest.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return try encrypt(message, seed: seed)
    }

    /// MGF1 (RFC 8017, appendix B.2.1).
    private static func mask(_ seed: [UInt8], _ count: Int) -> ArraySlice<UInt8> {
        var result: [UInt8] = []
        var counter: UInt32 = 0
        while result.count < count {
            let bytes = withUnsafeBytes(of: counter.bigEndian) { Array($0) }
            result += Hash.hash(data: Data(seed + bytes))
            counter += 1
        }
        return result.prefix(count)
    }
}
