public import NIOSSL

/// Where a server is and who logs in there.
public struct MySQLConfiguration: Sendable, CustomStringConvertible {
    /// What to do about TLS.
    public enum TLS: Sendable {
        /// Clear text.
        case disabled
        /// TLS when the server offers it; the certificate is verified by the context.
        case preferred(NIOSSLContext, hostname: String?)
        /// TLS, or no connection.
        case required(NIOSSLContext, hostname: String?)
        /// TLS up to the server's certificate, which is given away; then there is no connection.
        case inspected(NIOSSLContext, @Sendable (NIOSSLCertificate) -> Void)
    }

    /// Host name or address.
    public var host: String
    /// TCP port.
    public var port: Int
    /// Who logs in.
    public var username: String
    /// The database to begin with.
    public var database: String?
    /// What to do about TLS.
    public var tls: TLS = .disabled
    /// Whether the password may be sent, encrypted, to a key that the server offers on an unencrypted connection. Whoever
    /// answers at the address can offer a key of its own, and reads the password then; MySQL's clients call it
    /// `allowPublicKeyRetrieval` or `--get-server-public-key`.
    public var allowsPublicKeyRetrieval = false
    /// How long connecting and logging in may take together.
    public var connectTimeout: Duration = .seconds(5)
    /// The largest payload that is taken from the server, in bytes.
    public var maximumPayloadBytes = 64 << 20
    /// The largest result that `query` collects, in bytes of rows.
    public var maximumResultBytes = 64 << 20
    /// Commands that may wait for their turn.
    public var maximumQueuedCommands = 64
    let password: String

    /// Makes a configuration; the password is kept where no description shows it.
    public init(host: String, port: Int, username: String, password: String, database: String? = nil) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.database = database
    }

    /// User and address, never the password.
    public var description: String { "\(username)@\(host):\(port)" }

    var login: ClientStateMachine.Login {
        let encryption: ClientStateMachine.Login.Encryption =
            switch tls {
            case .disabled: .never
            case .preferred: .preferred
            case .required, .inspected: .required
            }
        return .init(
            username: username, password: password, database: database, encryption: encryption,
            allowsPublicKeyRetrieval: allowsPublicKeyRetrieval)
    }
}
