/// The configuration tables of a node: columns, defaults and checks as `SHOW CREATE TABLE` of ProxySQL 2.7.1 gave
/// them.
enum ConfigurationTables {
    static let servers = TableSpec(
        name: "mysql_servers",
        columns: [
            .number("hostgroup_id", "hostgroup_id>=0", default: 0),
            .text("hostname"),
            .port("port", default: 3306),
            .number(
                "gtid_port", "(gtid_port <> port OR gtid_port=0) AND gtid_port >= 0 AND gtid_port <= 65535",
                default: 0),
            ColumnSpec(
                name: "status",
                definition: """
                    VARCHAR CHECK (UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT', 'OFFLINE_HARD')) \
                    NOT NULL DEFAULT 'ONLINE'
                    """),
            .number("weight", "weight >= 0 AND weight <=10000000", default: 1),
            .number("compression", "compression IN(0,1)", default: 0),
            .number("max_connections", "max_connections >=0", default: 1000),
            .number(
                "max_replication_lag", "max_replication_lag >= 0 AND max_replication_lag <= 126144000", default: 0),
            .number("use_ssl", "use_ssl IN(0,1)", default: 0),
            .number("max_latency_ms", "max_latency_ms>=0", default: 0, type: "INT UNSIGNED"),
            .text("comment", default: ""),
        ],
        constraints: ["PRIMARY KEY (hostgroup_id, hostname, port)"])

    static let replicationHostgroups = TableSpec(
        name: "mysql_replication_hostgroups",
        columns: [
            ColumnSpec(name: "writer_hostgroup", definition: "INT CHECK (writer_hostgroup>=0) NOT NULL PRIMARY KEY"),
            .number("reader_hostgroup", "reader_hostgroup<>writer_hostgroup AND reader_hostgroup>=0"),
            ColumnSpec(
                name: "check_type",
                definition: """
                    VARCHAR CHECK (LOWER(check_type) IN ('read_only','innodb_read_only','super_read_only',\
                    'read_only|innodb_read_only','read_only&innodb_read_only')) NOT NULL DEFAULT 'read_only'
                    """),
            .text("comment", default: ""),
        ],
        constraints: ["UNIQUE (reader_hostgroup)"])

    static let hostgroupAttributes = TableSpec(
        name: "mysql_hostgroup_attributes",
        columns: [
            ColumnSpec(name: "hostgroup_id", definition: "INT NOT NULL PRIMARY KEY"),
            .number(
                "max_num_online_servers", "max_num_online_servers>=0 AND max_num_online_servers <= 1000000",
                default: 1_000_000),
            .number("autocommit", "autocommit IN (-1, 0, 1)", default: -1),
            .number("free_connections_pct", "free_connections_pct >= 0 AND free_connections_pct <= 100", default: 10),
            .text("init_connect", default: ""),
            .number("multiplex", "multiplex IN (0, 1)", default: 1),
            .number("connection_warming", "connection_warming IN (0, 1)", default: 0),
            .number(
                "throttle_connections_per_sec",
                "throttle_connections_per_sec >= 1 AND throttle_connections_per_sec <= 1000000", default: 1_000_000),
            .json("ignore_session_variables"),
            .json("hostgroup_settings"),
            .json("servers_defaults"),
            .text("comment", default: ""),
        ])

    /// From 2.6 on.
    static let sslParams = TableSpec(
        name: "mysql_servers_ssl_params",
        columns: [
            .text("hostname"), .port("port", default: 3306), .text("username", default: ""),
            .text("ssl_ca", default: ""), .text("ssl_cert", default: ""), .text("ssl_key", default: ""),
            .text("ssl_capath", default: ""), .text("ssl_crl", default: ""), .text("ssl_crlpath", default: ""),
            .text("ssl_cipher", default: ""), .text("tls_version", default: ""), .text("comment", default: ""),
        ],
        constraints: ["PRIMARY KEY (hostname, port, username)"])

    static let users = TableSpec(
        name: "mysql_users",
        columns: [
            .text("username"),
            .text("password", required: false),
            .flag("active", default: 1),
            .flag("use_ssl", default: 0),
            .number("default_hostgroup", default: 0),
            .text("default_schema", required: false),
            .flag("schema_locked", default: 0),
            .flag("transaction_persistent", default: 1),
            .flag("fast_forward", default: 0),
            .flag("backend", default: 1),
            .flag("frontend", default: 1),
            .number("max_connections", "max_connections >=0", default: 10000),
            .json("attributes"),
            .text("comment", default: ""),
        ],
        constraints: ["PRIMARY KEY (username, backend)", "UNIQUE (username, frontend)"])

    static let queryRules = TableSpec(
        name: "mysql_query_rules",
        columns: [
            ColumnSpec(name: "rule_id", definition: "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"),
            .flag("active", default: 0),
            .text("username", required: false),
            .text("schemaname", required: false),
            .number("flagIN", "flagIN >= 0", default: 0),
            .text("client_addr", required: false),
            .text("proxy_addr", required: false),
            .number("proxy_port", "proxy_port >= 0 AND proxy_port <= 65535", required: false),
            .text("digest", required: false),
            .text("match_digest", required: false),
            .text("match_pattern", required: false),
            .flag("negate_match_pattern", default: 0),
            .text("re_modifiers", default: "CASELESS", required: false),
            .number("flagOUT", "flagOUT >= 0", required: false),
            ColumnSpec(
                name: "replace_pattern",
                definition: """
                    VARCHAR CHECK(CASE WHEN replace_pattern IS NULL THEN 1 WHEN replace_pattern IS NOT NULL AND \
                    match_pattern IS NOT NULL THEN 1 ELSE 0 END)
                    """),
            .number("destination_hostgroup", required: false),
            .number("cache_ttl", "cache_ttl > 0", required: false),
            .flag("cache_empty_result", default: nil, required: false),
            .number("cache_timeout", "cache_timeout >= 0", required: false),
            .flag("reconnect", default: nil, required: false),
            .number("timeout", "timeout >= 0", required: false, type: "INT UNSIGNED"),
            .number("retries", "retries>=0 AND retries <=1000", required: false),
            .number("delay", "delay >=0", required: false, type: "INT UNSIGNED"),
            .number("next_query_flagIN", required: false, type: "INT UNSIGNED"),
            .number("mirror_flagOUT", required: false, type: "INT UNSIGNED"),
            .number("mirror_hostgroup", required: false, type: "INT UNSIGNED"),
            .text("error_msg", required: false),
            .text("OK_msg", required: false),
            .flag("sticky_conn", default: nil, required: false),
            .number("multiplex", "multiplex IN (0,1,2)", required: false),
            .number("gtid_from_hostgroup", required: false, type: "INT UNSIGNED"),
            .flag("log", default: nil, required: false),
            .flag("apply", default: 0),
            .json("attributes"),
            .text("comment", required: false),
        ])

    static let peers = TableSpec(
        name: "proxysql_servers",
        columns: [
            .text("hostname"),
            .number("port", default: 6032),
            .number("weight", "weight >= 0", default: 0),
            .text("comment", default: ""),
        ],
        constraints: ["PRIMARY KEY (hostname, port)"])

    static let scheduler = TableSpec(
        name: "scheduler",
        columns: [
            ColumnSpec(name: "id", definition: "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"),
            .flag("active", default: 1),
            .number("interval_ms", "interval_ms>=100 AND interval_ms<=100000000", type: "INTEGER"),
            .text("filename"),
            .text("arg1", required: false),
            .text("arg2", required: false),
            .text("arg3", required: false),
            .text("arg4", required: false),
            .text("arg5", required: false),
            .text("comment", default: ""),
        ])

    static let variables = TableSpec(
        name: "global_variables",
        columns: [
            ColumnSpec(name: "variable_name", definition: "VARCHAR NOT NULL PRIMARY KEY"),
            .text("variable_value"),
        ])

    /// Every table that exists in memory, at runtime and on disk.
    static let all = [
        servers, replicationHostgroups, hostgroupAttributes, sslParams, users, queryRules, peers, scheduler, variables,
    ]
}
