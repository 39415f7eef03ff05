package import FleetModel
import Foundations

/// Writes the configurations of groups as the sections of a `proxysql.cnf`, for nodes that read it when they start.
///
/// ProxySQL reads the file with libconfig and then builds SQL from it without quoting most texts (its source,
/// `ProxySQL_Config.cpp`, up to 2.7.2): a quote in a password would end the statement. So each text is written for
/// both readers, libconfig and SQLite; a real 2.7.1 reads every printable character back as it was.
package struct CnfRenderer: Sendable {
    /// How ProxySQL puts a text into its SQL.
    private enum Reader {
        /// Inside single quotes, as it is.
        case singleQuotes
        /// Inside double quotes, as it is.
        case doubleQuotes
        /// Escaped by ProxySQL.
        case escaped
    }

    /// The sections that a configuration owns.
    package static let sections = ["mysql_servers", "mysql_users", "mysql_query_rules"]
    /// The section that only a group with verified backends has: ProxySQL up to 2.5 does not know it.
    package static let trustSection = "mysql_servers_ssl_params"

    private let configurations: [FleetConfiguration]
    private let tlsDirectory: String

    /// Writes `configuration` for nodes that find the files of `TLSFile` in `tlsDirectory`.
    package init(_ configuration: FleetConfiguration, tlsDirectory: String = TLSFile.usualDirectory) {
        configurations = [configuration]
        self.tlsDirectory = tlsDirectory
    }

    /// Writes all groups that share nodes.
    package init(all configurations: [FleetConfiguration], tlsDirectory: String = TLSFile.usualDirectory) {
        self.configurations = configurations
        self.tlsDirectory = tlsDirectory
    }

    /// `base` with the configurations' sections in the place of those that it has, or at its end.
    /// - Throws: `AdminError.unusableText`, when a text cannot be written so that ProxySQL reads it, or `base` is not
    ///   in libconfig's format.
    package func rendered(over base: String) throws(AdminError) -> String {
        let document: CnfDocument
        do throws(CnfDocument.Unreadable) {
            document = try CnfDocument(OutsideText.folded(base))
        } catch {
            throw AdminError(.unusableText, "the proxysql.cnf to write into cannot be read: \(error)")
        }
        // The line that states an order to the agent is for one group: generations of several have no common order.
        let marked = configurations.map { configuration in
            let whose = configurations.count == 1 ? "" : " of \(configuration.group)"
            return "# drover-generation\(whose): \(configuration.generation)\n"
        }.joined()
        let kept = document.replacing(try sectionTexts(hadTrust: document.names.contains(Self.trustSection)))
        return marked + OutsideText.lines(kept).filter { !$0.hasPrefix("# drover-generation") }.joined(separator: "\n")
    }

    private var groupNames: String {
        "group \(configurations.map(\.group.text).joined(separator: ", "))"
    }

    private func sectionTexts(hadTrust: Bool) throws(AdminError) -> [(name: String, text: String)] {
        var servers: [String] = []
        var trust: [String] = []
        var users: [String] = []
        var rules: [String] = []
        for configuration in configurations {
            let group = configuration.group
            for server in configuration.plannedServers { servers.append(try entry(ServerRow(server, group: group))) }
            for backend in configuration.plannedTrust {
                trust.append(try entry(SSLParamsRow(backend, directory: tlsDirectory, group: group)))
            }
            for user in configuration.users { users.append(try entry(UserRow(user, group: group))) }
            for rule in configuration.queryRules { rules.append(try entry(QueryRuleRow(rule, of: configuration))) }
        }
        var sections = Array(zip(Self.sections, [servers, users, rules]))
        if !trust.isEmpty || hadTrust { sections.append((Self.trustSection, trust)) }
        return sections.map { name, entries in
            (name, "\(name) =\n(\n\(entries.joined(separator: ",\n"))\n)")
        }
    }

    private func entry(_ row: SSLParamsRow) throws(AdminError) -> String {
        var files = ""
        let paths = [
            ("ssl_ca", row.authorities), ("ssl_cert", row.certificate), ("ssl_key", row.keyFile),
            ("ssl_capath", row.others.first ?? ""),
        ]
        for (name, path) in paths where !path.isEmpty {
            files += "\(name)=\(try text(path, .singleQuotes)), "
        }
        return "    { hostname=\(try text(row.hostname, .singleQuotes)), port=\(row.port), username=\"\", \(files)"
            + "comment=\(try text(row.comment, .escaped)) }"
    }

    private func entry(_ row: ServerRow) throws(AdminError) -> String {
        "    { address=\(try text(row.hostname, .doubleQuotes)), port=\(row.port), hostgroup=\(row.hostgroup), "
            + "status=\(try text(row.status, .doubleQuotes)), weight=\(row.weight), "
            + "max_connections=\(row.maxConnections), use_ssl=\(row.useTLS ? 1 : 0), "
            + "comment=\(try text(row.comment, .escaped)) }"
    }

    private func entry(_ row: UserRow) throws(AdminError) -> String {
        "    { username=\(try text(row.username, .singleQuotes)), "
            + "password=\(try text(row.password.reveal(), .singleQuotes)), active=\(row.isActive ? 1 : 0), "
            + "default_hostgroup=\(row.defaultHostgroup), comment=\(try text(row.comment, .escaped)) }"
    }

    private func entry(_ row: QueryRuleRow) throws(AdminError) -> String {
        var parts = ["rule_id=\(row.id)", "active=\(row.isActive ? 1 : 0)"]
        if let username = row.username { parts.append("username=\(try text(username, .doubleQuotes))") }
        if let digest = row.matchDigest { parts.append("match_digest=\(try text(digest, .doubleQuotes))") }
        if let hostgroup = row.destinationHostgroup { parts.append("destination_hostgroup=\(hostgroup)") }
        parts += ["apply=\(row.apply ? 1 : 0)", "comment=\(try text(row.comment, .singleQuotes))"]
        return "    { \(parts.joined(separator: ", ")) }"
    }

    /// A text for SQL inside a text for libconfig, whose escapes are `\"`, `\\`, `\n`, `\r`, `\t`, `\f` and `\xNN`
    /// (libconfig manual, "Strings").
    private func text(_ value: String, _ reader: Reader) throws(AdminError) -> String {
        let doubled: UnicodeScalar? =
            switch reader {
            case .singleQuotes: "'"
            case .doubleQuotes: "\""
            case .escaped: nil
            }
        var result = "\""
        // Scalars, not characters: a quote with a combining mark after it is still a quote to SQLite.
        for scalar in value.unicodeScalars.flatMap({ $0 == doubled ? [$0, $0] : [$0] }) {
            switch scalar {
            case "\0":
                throw AdminError(.unusableText, "a text of \(groupNames) has a zero byte; remove it")
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0C}": result += "\\f"
            case "\u{01}"..."\u{1F}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
