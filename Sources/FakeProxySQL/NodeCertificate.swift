import NIOSSL
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The certificate that a node shows, from the files in its data directory; a real node makes some where there are none,
/// and this one goes without TLS.
final class NodeCertificate: Sendable {
    private static let names = ["proxysql-ca.pem", "proxysql-cert.pem", "proxysql-key.pem"]
    private let folder: String
    private let context = Mutex<NIOSSLContext?>(nil)

    /// Reads what is in `folder` now.
    init(folder: String) {
        self.folder = folder
        _ = reload()
    }

    /// What new clients are shown.
    var present: NIOSSLContext? { context.withLock { $0 } }

    /// Reads the files anew; what is wrong with them, as 2.7.1 says it. Then what was shown is shown on.
    func reload() -> String? {
        let files = Self.names.compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)") }
        guard files.count == Self.names.count else {
            return "RELOAD TLS failed: \(files.count) TLS files are present. Expected: 3"
        }
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(files[1]))
            let key = try NIOSSLPrivateKey(bytes: Array(files[2]), format: .pem)
            let made = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
            context.withLock { $0 = made }
            return nil
        } catch {
            return "Unable to use SSL key"
        }
    }
}
