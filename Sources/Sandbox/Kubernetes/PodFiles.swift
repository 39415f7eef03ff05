import JSONValues
import KubernetesClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension JSONValue {
    /// Its text with the keys in order: equal documents have equal texts.
    var sortedText: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// The configuration that the cores of a story mount: one row that is always there, and a rule that tells versions
/// apart.
struct CoreFile: Hashable, Sendable {
    /// Which configuration it is.
    var version: Int

    /// The match pattern of the rule that only this version has.
    var pattern: String { "^SELECT .* version_\(version)$" }

    private static let backends = ["127.0.0.11", "127.0.0.12"]

    /// The tables as `proxysql.cnf` has them.
    var tables: String {
        let servers = Self.backends.enumerated().map {
            "    { address=\"\($0.element)\" port=3306 hostgroup=\($0.offset) }"
        }.joined(separator: ",\n")
        return """
            mysql_servers=
            (
            \(servers)
            )
            mysql_users=
            (
                { username="app" password="app" default_hostgroup=0 }
            )
            mysql_query_rules=
            (
                { rule_id=1 active=1 match_pattern="\(pattern)" destination_hostgroup=1 apply=1 }
            )
            """
    }

    /// The same as statements, for simulated nodes.
    var statements: [String] {
        Self.backends.enumerated().map {
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, port) VALUES "
                + "(\($0.offset), '\($0.element)', 3306)"
        } + [
            "INSERT OR REPLACE INTO mysql_users (username, password, default_hostgroup) VALUES ('app', 'app', 0)",
            "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_pattern, destination_hostgroup, apply) "
                + "VALUES (1, 1, '\(pattern)', 1, 1)",
        ]
    }

    /// The ConfigMap that pods mount.
    func configMap(_ name: String) -> ConfigMap {
        ConfigMap(
            name: name,
            data: ["tables.cnf": tables, "statements.sql": statements.joined(separator: "\n")])
    }
}

/// What a pod's ProxySQL is started with: its own addresses, and the tables that its ConfigMap has.
struct NodeFile: Sendable {
    var folder: String
    var host: String
    /// The address of the cores' Service, with which every node begins.
    var bootstrap: String
    var tables: String

    /// `proxysql.cnf`. Monitor is off because the backends of a story have nothing behind them.
    var text: String {
        """
        datadir="\(folder)"
        admin_variables=
        {
            admin_credentials="admin:admin;radmin:radmin"
            mysql_ifaces="\(host):6032"
            cluster_username="radmin"
            cluster_password="radmin"
            cluster_check_interval_ms=200
            cluster_check_status_frequency=10
            cluster_mysql_query_rules_save_to_disk=true
        }
        mysql_variables=
        {
            interfaces="\(host):6033"
            monitor_enabled=false
            threads=2
        }
        proxysql_servers=
        (
            { hostname="\(bootstrap)" port=6032 weight=0 comment="bootstrap" }
        )
        \(tables)
        """
    }
}
