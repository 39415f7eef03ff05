import NIOCore
import NIOSSL
import Synchronization

/// How much a client makes sure of the servers of one kind before it tells them a password, in MySQL's words.
package struct ClientTLSSettings: Sendable {
    /// MySQL's `--ssl-mode`.
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        /// Clear text.
        case disabled
        /// TLS where the server offers it.
        case preferred
        /// TLS, or no connection.
        case required
        /// TLS with a certificate of the given authority, or no connection.
        case verifyCA = "verify-ca"
        /// The same, and the certificate names the host or address that is connected to.
        case verifyIdentity = "verify-identity"
    }

    /// Clear text, as on loopback and inside a pod network.
    package static let disabled = ClientTLSSettings()

    private let mode: Mode
    private let context: PresentContext?
    private let allowsPublicKeyRetrieval: Bool

    private init() {
        (mode, context, allowsPublicKeyRetrieval) = (.disabled, nil, false)
    }

    /// Makes settings. With `caFile`, a PEM file that is read again when it changes, certificates are verified; the modes
    /// that verify need it.
    /// - Parameter allowsPublicKeyRetrieval: see `MySQLConfiguration`.
    /// - Throws: `.tlsUnavailable` when the file is missing or cannot be read.
    package init(mode: Mode, caFile: String?, allowsPublicKeyRetrieval: Bool = false) throws(MySQLWireError) {
        self.mode = mode
        self.allowsPublicKeyRetrieval = allowsPublicKeyRetrieval
        guard mode != .disabled else {
            context = nil
            return
        }
        if caFile == nil, mode == .verifyCA || mode == .verifyIdentity {
            throw MySQLWireError(.tlsUnavailable, "\(mode.rawValue) needs a file with CA certificates")
        }
        context = try PresentContext(caFile: caFile, verifiesName: mode == .verifyIdentity)
    }

    /// Makes `configuration` as careful as these settings say.
    package func apply(to configuration: inout MySQLConfiguration) {
        configuration.allowsPublicKeyRetrieval = allowsPublicKeyRetrieval
        guard let context = context?.context else {
            configuration.tls = .disabled
            return
        }
        // An address is looked for in the certificate without a name to ask for; SNI knows names only.
        let isAddress = (try? SocketAddress(ipAddress: configuration.host, port: 0)) != nil
        let hostname = mode == .verifyIdentity && !isAddress ? configuration.host : nil
        configuration.tls =
            mode == .preferred ? .preferred(context, hostname: hostname) : .required(context, hostname: hostname)
    }
}

/// The context with the CA certificates that are in a file now.
private final class PresentContext: Sendable {
    private struct State {
        var certificates: [NIOSSLCertificate]
        var context: NIOSSLContext
    }

    private let caFile: String?
    private let verifiesName: Bool
    private let state: Mutex<State>

    init(caFile: String?, verifiesName: Bool) throws(MySQLWireError) {
        self.caFile = caFile
        self.verifiesName = verifiesName
        do {
            state = Mutex(try Self.read(caFile, verifiesName))
        } catch {
            throw MySQLWireError(.tlsUnavailable, "the CA certificates in \(caFile ?? "") cannot be read: \(error)")
        }
    }

    /// What is in force; a file that cannot be read changes nothing.
    var context: NIOSSLContext {
        state.withLock { state in
            if let caFile, let found = try? NIOSSLCertificate.fromPEMFile(caFile), found != state.certificates,
                let made = try? Self.read(caFile, verifiesName)
            {
                state = made
            }
            return state.context
        }
    }

    private static func read(_ caFile: String?, _ verifiesName: Bool) throws -> State {
        var configuration = TLSConfiguration.makeClientConfiguration()
        guard let caFile else {
            configuration.certificateVerification = .none
            return State(certificates: [], context: try NIOSSLContext(configuration: configuration))
        }
        let certificates = try NIOSSLCertificate.fromPEMFile(caFile)
        configuration.certificateVerification = verifiesName ? .fullVerification : .noHostnameVerification
        configuration.trustRoots = .certificates(certificates)
        return State(certificates: certificates, context: try NIOSSLContext(configuration: configuration))
    }
}
