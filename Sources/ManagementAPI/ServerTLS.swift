import Crypto
package import Logging
import NIOCore
package import NIOSSL
package import Pacing
import FleetModel
import Synchronization
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A certificate chain and its key from two PEM files that are read again when they change, so that new connections
/// have the new certificate without a restart.
package final class ServerTLS: Sendable {
    private struct Pair {
        var certificate: [UInt8]
        var key: [UInt8]
        var override: NIOSSLContextConfigurationOverride
        var lookedAt: Timestamp
    }

    private let files: (certificate: String, key: String)
    private let wallClock: any WallClock
    private let logger: Logger
    private let pair: Mutex<Pair>

    /// Reads the files.
    /// - Throws: `ServerTLSError`.
    package init(
        certificateFile: String, keyFile: String, wallClock: any WallClock, logger: Logger
    ) throws(ServerTLSError) {
        files = (certificateFile, keyFile)
        self.wallClock = wallClock
        self.logger = logger
        pair = Mutex(try Self.read(files, wallClock.now()))
    }

    /// TLS 1.2 and later with whatever the files hold at each handshake.
    package func configuration() throws(ServerTLSError) -> TLSConfiguration {
        let now = current()
        guard let chain = now.certificateChain, let key = now.privateKey else {
            throw ServerTLSError(description: "the certificate file \(files.certificate) holds no certificate")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.sslContextCallback = { [self] _, promise in promise.succeed(current()) }
        return configuration
    }

    private func current() -> NIOSSLContextConfigurationOverride {
        pair.withLock { pair in
            let now = wallClock.now()
            guard now.since(pair.lookedAt) >= .seconds(5) || now < pair.lookedAt else { return pair.override }
            pair.lookedAt = now
            do throws(ServerTLSError) {
                let read = try Self.read(files, now)
                if read.certificate != pair.certificate || read.key != pair.key {
                    pair = read
                    logger.info("certificate read again", metadata: ["file.path": "\(files.certificate)"])
                }
            } catch {
                logger.error("certificate not read again", metadata: ["error": "\(error)"])
            }
            return pair.override
        }
    }

    private static func read(
        _ files: (certificate: String, key: String), _ now: Timestamp
    ) throws(ServerTLSError) -> Pair {
        do {
            let certificate = [UInt8](try Data(contentsOf: URL(filePath: files.certificate)))
            let key = [UInt8](try Data(contentsOf: URL(filePath: files.key)))
            var override = NIOSSLContextConfigurationOverride()
            let chain = try NIOSSLCertificate.fromPEMBytes(certificate)
            // While both files are replaced, one is older than the other for a moment.
            guard let leaf = chain.first, try isPair(leaf, String(decoding: key, as: UTF8.self)) else {
                throw ServerTLSError(description: "the key is not the certificate's")
            }
            override.certificateChain = chain.map { .certificate($0) }
            override.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            return Pair(certificate: certificate, key: key, override: override, lookedAt: now)
        } catch {
            throw ServerTLSError(
                description:
                    "the certificate \(files.certificate) and its key \(files.key) cannot be read as PEM, or do not belong together: "
                    + "\((error as? ServerTLSError)?.description ?? "\(type(of: error))")")
        }
    }

    /// Whether the private key in `pem` is the certificate's; true too for kinds of keys that cannot be compared.
    ///
    /// Not by a `NIOSSLContext`, which refuses the pair as well: it leaves the refusal in BoringSSL's queue of errors,
    /// and the handshake that is going on in this thread takes it for its own.
    private static func isPair(_ certificate: NIOSSLCertificate, _ pem: String) throws -> Bool {
        let publicKey =
            (try? _RSA.Signing.PrivateKey(pemRepresentation: pem))?.publicKey.derRepresentation
            ?? (try? P256.Signing.PrivateKey(pemRepresentation: pem))?.publicKey.derRepresentation
            ?? (try? P384.Signing.PrivateKey(pemRepresentation: pem))?.publicKey.derRepresentation
            ?? (try? P521.Signing.PrivateKey(pemRepresentation: pem))?.publicKey.derRepresentation
        guard let publicKey else { return true }
        return Array(publicKey) == (try certificate.extractPublicKey().toSPKIBytes())
    }
}

/// Why a certificate cannot be used.
package struct ServerTLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted and what to do.
    package var description: String
}
