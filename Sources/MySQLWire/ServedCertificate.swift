import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The certificate that a MySQL server shows when TLS is begun.
public enum ServedCertificate {
    /// Begins TLS with the server, and takes leave as soon as it has shown its certificate: nobody logs in.
    /// - Returns: the leaf, DER.
    /// - Throws: `MySQLWireError`, when the server does not answer in time or offers no TLS.
    public static func read(host: String, port: Int, timeout: Duration) async throws -> [UInt8] {
        var tls = TLSConfiguration.makeClientConfiguration()
        // Nobody is trusted: the certificate is compared by whoever asked for it.
        tls.trustRoots = .certificates([])
        let seen = Mutex<[UInt8]?>(nil)
        var configuration = MySQLConfiguration(host: host, port: port, username: "nobody", password: "")
        configuration.connectTimeout = timeout
        configuration.tls = .inspected(try NIOSSLContext(configuration: tls)) { leaf in
            seen.withLock { $0 = try? leaf.toDERBytes() }
        }
        let quiet = Logger(label: "mysql.certificate") { _ in SwiftLogNoOpLogHandler() }
        do {
            await (try await MySQLConnection.connect(configuration, logger: quiet)).close()
        } catch {
            guard let leaf = seen.withLock({ $0 }) else { throw error }
            return leaf
        }
        guard let leaf = seen.withLock({ $0 }) else {
            throw MySQLWireError(.tlsUnavailable, "\(host):\(port) showed no certificate")
        }
        return leaf
    }
}
