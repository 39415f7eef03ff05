import Crypto
package import FleetModel
package import MySQLWire

/// A file beside a node that rows of `mysql_servers_ssl_params` name.
///
/// Its name holds a hash of what is in it: a file is never changed, new content is a new file, and so a row that names it
/// is right on every node or the file is not there yet.
package struct TLSFile: Hashable, Sendable {
    /// Where the files are unless a setting says otherwise: `drover-tls` in the data directory of ProxySQL's packages.
    package static let usualDirectory = "/var/lib/proxysql/drover-tls"
    private static let prefix = "tls-"
    private static let suffix = ".pem"

    /// `tls-HOST-HASH.ca.pem`, `….cert.pem` or `….key.pem`: also a key of a Secret.
    package var name: String
    /// PEM.
    package var content: Secret

    private init(_ kind: String, _ backend: BackendTLS, _ content: Secret) {
        let hash = SHA256.hash(data: Array("\(backend.port)\n\(content.reveal())".utf8)).prefix(10)
        let digits = hash.map { byte in
            let text = String(byte, radix: 16)
            return text.utf8.count == 1 ? "0\(text)" : text
        }
        let host = backend.address.unicodeScalars.prefix(100).map { scalar in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || scalar == "." ? String(scalar) : "-"
        }
        name = "\(Self.prefix)\(host.joined())-\(digits.joined()).\(kind)\(Self.suffix)"
        self.content = content
    }

    /// Whether a file or key of this name is one of these: nothing else is written or removed.
    package static func isOurs(_ name: String) -> Bool {
        name.hasPrefix(prefix) && name.hasSuffix(suffix)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
    }

    /// The file of the authorities of `backend`.
    package static func authorities(of backend: BackendTLS) -> TLSFile {
        TLSFile("ca", backend, Secret(backend.authorities))
    }

    /// The files of the client certificate and of its key.
    package static func identity(of backend: BackendTLS) -> (certificate: TLSFile, key: TLSFile)? {
        backend.identity.map {
            (TLSFile("cert", backend, Secret($0.certificate)), TLSFile("key", backend, $0.key))
        }
    }

    /// Everything that the rows of `configuration` name.
    package static func all(of configuration: FleetConfiguration) -> [TLSFile] {
        configuration.plannedTrust.flatMap { backend in
            [authorities(of: backend)] + (identity(of: backend).map { [$0.certificate, $0.key] } ?? [])
        }
    }
}

/// A row of `mysql_servers_ssl_params`: which files verify a backend (ProxySQL documentation of that table, from 2.6).
package struct SSLParamsRow: ManagedRow {
    package static let table = "mysql_servers_ssl_params"
    package static let module = AdminModule.servers
    package static let isOptional = true
    package static let columns = [
        "hostname", "port", "username", "ssl_ca", "ssl_cert", "ssl_key", "ssl_capath", "ssl_crl", "ssl_crlpath",
        "ssl_cipher", "tls_version", "comment",
    ]

    package var hostname: String
    package var port: Int
    /// Empty: for every user.
    package var username: String
    package var authorities: String
    package var certificate: String
    package var keyFile: String
    /// `ssl_capath`, `ssl_crl`, `ssl_crlpath`, `ssl_cipher` and `tls_version`: an operator's.
    package var others: [String]
    package var comment: String

    package init(_ row: MySQLRow) throws(AdminError) {
        hostname = try row.required("hostname")
        port = try row.number("port")
        username = try row.required("username")
        authorities = try row.required("ssl_ca")
        certificate = try row.required("ssl_cert")
        keyFile = try row.required("ssl_key")
        others = []
        for name in Self.columns[6...10] { others.append(try row.required(name)) }
        comment = try row.required("comment")
    }

    /// The row that `backend` of `group` should have on a node with the files in `directory`.
    package init(_ backend: BackendTLS, directory: String, group: InstanceName) {
        let directory = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        func path(_ file: TLSFile?) -> String { file.map { "\(directory)/\($0.name)" } ?? "" }
        let identity = TLSFile.identity(of: backend)
        hostname = backend.address
        port = backend.port
        username = ""
        authorities = path(TLSFile.authorities(of: backend))
        certificate = path(identity?.certificate)
        keyFile = path(identity?.key)
        // ProxySQL keeps one store of certificates for each of its threads, and adds to it whatever `ssl_ca` it ever read
        // there: a CA that was taken away, or is another backend's, would go on being believed until a restart. With an
        // `ssl_capath`, too, each connection gets a store of its own (x509cache.patch of 2.7.1 and 3.0.3; seen on 2.7.1).
        // OpenSSL reads only files of hashed names there, and ours have none.
        others = [directory] + Array(repeating: "", count: 4)
        comment = RowMark(group: group.text).marking("")
    }

    package var key: [String] { [hostname, "\(port)", username] }

    package func keyCondition() throws(AdminError) -> String {
        "hostname=\(try SQLText.quote(hostname)) AND port=\(port) AND username=\(try SQLText.quote(username))"
    }

    package var cells: [String?] {
        [hostname, "\(port)", username, authorities, certificate, keyFile] + others + [comment]
    }

    package var comparable: SSLParamsRow { self }
    package var isShownAtRuntime: Bool { true }

    package func merged(over current: SSLParamsRow) -> SSLParamsRow {
        var row = self
        row.others = current.others
        if row.others.first?.isEmpty == true { row.others[0] = others[0] }
        return row
    }

    package func changesInPlace(_ current: SSLParamsRow) -> Bool { true }

    /// Whoever's server it is, the group that wants it verified has its certificates.
    package func says(theSameAs current: SSLParamsRow) -> Bool { true }
}
