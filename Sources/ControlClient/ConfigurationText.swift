import ManagementAPI

/// Groups as `proxysql.cnf`, in libconfig's syntax.
enum ConfigurationText {
    /// The tables of servers, users and query rules.
    static func proxysql(_ groups: [JSONValue]) -> String {
        var servers: [String] = []
        var users: [String] = []
        var rules: [String] = []
        for group in groups {
            for server in group["servers"]?.elements ?? [] {
                servers.append(
                    entry([
                        ("address", server["address"]), ("port", server["port"]),
                        ("hostgroup", server["hostgroup"]), ("status", server["status"]),
                        ("weight", server["weight"]), ("max_connections", server["maxConnections"]),
                        ("use_ssl", number(server["useTLS"])), ("comment", server["name"]),
                    ]))
            }
            for user in group["users"]?.elements ?? [] {
                users.append(
                    entry([
                        ("username", user["username"]), ("password", user["password"]),
                        ("default_hostgroup", user["defaultHostgroup"]), ("active", number(user["isActive"])),
                    ]))
            }
            let base = group["ruleIDBase"]?.whole ?? 0
            for rule in group["queryRules"]?.elements ?? [] {
                rules.append(
                    entry([
                        ("rule_id", .integer(base + (rule["id"]?.whole ?? 0))), ("active", number(rule["isActive"])),
                        ("username", rule["username"]), ("match_digest", rule["matchDigest"]),
                        ("destination_hostgroup", rule["destinationHostgroup"]), ("apply", number(rule["apply"])),
                        ("comment", rule["comment"]),
                    ]))
            }
        }
        return table("mysql_servers", servers) + table("mysql_users", users) + table("mysql_query_rules", rules)
    }

    private static func table(_ name: String, _ entries: [String]) -> String {
        "\(name) =\n(\n\(entries.joined(separator: ",\n"))\n)\n\n"
    }

    private static func entry(_ members: [(String, JSONValue?)]) -> String {
        "    { " + members.map { "\($0.0)=\(literal($0.1))" }.joined(separator: ", ") + " }"
    }

    private static func number(_ flag: JSONValue?) -> JSONValue { .integer(flag == true ? 1 : 0) }

    private static func literal(_ value: JSONValue?) -> String {
        switch value {
        case .integer(let number)?: "\(number)"
        case .text(let text)?: quoted(text)
        default: "\"\""
        }
    }

    /// A text of libconfig (libconfig manual, "String Values"): a backslash begins an escape, and control characters
    /// are written as `\xNN`.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                quoted += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
