/// The tables that a node fills when they are read: columns as ProxySQL 2.7.1 has them.
enum StatisticsTables {
    static let checksums = TableSpec(
        name: "runtime_checksums_values",
        columns: [.text("name"), .number("version"), .number("epoch"), .text("checksum")],
        constraints: ["PRIMARY KEY (name)"])

    static let connectionPool = TableSpec(
        name: "stats_mysql_connection_pool",
        columns: [
            .number("hostgroup", required: false), .text("srv_host", required: false),
            .number("srv_port", required: false), .text("status", required: false),
        ]
            + [
                "ConnUsed", "ConnFree", "ConnOK", "ConnERR", "MaxConnUsed", "Queries", "Queries_GTID_sync",
                "Bytes_data_sent", "Bytes_data_recv", "Latency_us",
            ].map { .number($0, required: false) })

    static let global = TableSpec(
        name: "stats_mysql_global",
        columns: [
            ColumnSpec(name: "Variable_Name", definition: "VARCHAR NOT NULL PRIMARY KEY"), .text("Variable_Value"),
        ])

    static let memory = global.renamed("stats_memory_metrics")

    static let queryDigest = TableSpec(
        name: "stats_mysql_query_digest",
        columns: [
            .number("hostgroup", required: false), .text("schemaname"), .text("username"), .text("client_address"),
            .text("digest"), .text("digest_text"),
        ]
            + [
                "count_star", "first_seen", "last_seen", "sum_time", "min_time", "max_time", "sum_rows_affected",
                "sum_rows_sent",
            ].map { .number($0, type: "INTEGER") },
        constraints: ["PRIMARY KEY(hostgroup, schemaname, username, client_address, digest)"])

    static let processlist = TableSpec(
        name: "stats_mysql_processlist",
        columns: [
            .number("ThreadID"), ColumnSpec(name: "SessionID", definition: "INTEGER PRIMARY KEY"),
            .text("user", required: false), .text("db", required: false), .text("cli_host", required: false),
            .number("cli_port", required: false), .number("hostgroup", required: false),
            .text("l_srv_host", required: false), .number("l_srv_port", required: false),
            .text("srv_host", required: false), .number("srv_port", required: false),
            .text("command", required: false), .number("time_ms"), .text("info", required: false),
            .number("status_flags", required: false), .text("extended_info", required: false),
        ])

    static let errors = TableSpec(
        name: "stats_mysql_errors",
        columns: [
            .number("hostgroup"), .text("hostname"), .number("port"), .text("username"), .text("client_address"),
            .text("schemaname"), .number("errno"), .number("count_star", type: "INTEGER"),
            .number("first_seen", type: "INTEGER"), .number("last_seen", type: "INTEGER"),
            .text("last_error", default: ""),
        ],
        constraints: ["PRIMARY KEY (hostgroup, hostname, port, username, schemaname, errno)"])

    static let users = TableSpec(
        name: "stats_mysql_users",
        columns: [
            ColumnSpec(name: "username", definition: "VARCHAR PRIMARY KEY"), .number("frontend_connections"),
            .number("frontend_max_connections"),
        ])

    static let peerChecksums = TableSpec(
        name: "stats_proxysql_servers_checksums",
        columns: [
            .text("hostname"), .number("port", default: 6032), .text("name"), .number("version"), .number("epoch"),
            .text("checksum"), .number("changed_at"), .number("updated_at"), .number("diff_check"),
        ],
        constraints: ["PRIMARY KEY (hostname, port, name)"])

    static let peerMetrics = TableSpec(
        name: "stats_proxysql_servers_metrics",
        columns: [
            .text("hostname"), .number("port", default: 6032), .number("weight", "weight >= 0", default: 0),
            .text("comment", default: ""), .number("response_time_ms"), .number("Uptime_s"),
            .number("last_check_ms"), .number("Queries"), .number("Client_Connections_connected"),
            .number("Client_Connections_created"),
        ],
        constraints: ["PRIMARY KEY (hostname, port)"])

    /// Never filled by ProxySQL itself.
    static let peerStatus = TableSpec(
        name: "stats_proxysql_servers_status",
        columns: [
            .text("hostname"), .number("port", default: 6032), .number("weight", "weight >= 0", default: 0),
            .text("master"), .number("global_version"), .number("check_age_us"), .number("ping_time_us"),
            .number("checks_OK"), .number("checks_ERR"),
        ],
        constraints: ["PRIMARY KEY (hostname, port)"])

    /// Every table of the schema `stats`.
    static let all = [
        connectionPool, connectionPool.renamed("stats_mysql_connection_pool_reset"), global, memory, queryDigest,
        queryDigest.renamed("stats_mysql_query_digest_reset"), processlist, errors,
        errors.renamed("stats_mysql_errors_reset"), users, peerChecksums, peerMetrics, peerStatus,
    ]

    /// The counters of `stats_mysql_global` that stay 0 here, in the recorded order, between the live ones.
    static let idleCounters = [
        "Active_Transactions", "Client_Connections_aborted", "Server_Connections_aborted",
        "Server_Connections_connected", "Server_Connections_created", "Server_Connections_delayed",
        "Client_Connections_non_idle", "Com_autocommit", "Com_commit", "Com_rollback", "Slow_queries",
        "Queries_backends_bytes_recv", "Queries_backends_bytes_sent", "Queries_frontends_bytes_recv",
        "Queries_frontends_bytes_sent", "ConnPool_get_conn_immediate", "ConnPool_get_conn_success",
        "ConnPool_get_conn_failure", "max_connect_timeouts", "generated_error_packets", "MySQL_Monitor_Workers",
        "Access_Denied_Wrong_Password", "Access_Denied_Max_Connections", "Query_Cache_Memory_bytes",
        "new_req_conns_count",
    ]
}
