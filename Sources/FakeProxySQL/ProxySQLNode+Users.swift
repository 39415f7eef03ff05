extension ProxySQLNode {
    /// The password that the admin port expects from `username`, out of `admin-admin_credentials`; the node takes
    /// `admin` from anywhere, where ProxySQL wants it to come from its own host.
    package func adminPassword(of username: String) -> String? {
        let credentials = [
            runtimeVariable("admin-admin_credentials"), runtimeVariable("admin-stats_credentials"),
        ].compactMap(\.self).joined(separator: ";")
        for pair in credentials.split(separator: ";") {
            let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0] == username { return String(parts[1]) }
        }
        return nil
    }

    /// The password that the MySQL port expects from `username`; nil for unknown users and for those of whom only a
    /// hash is known.
    package func frontendPassword(of username: String) -> String? {
        let answer = try? database.run(
            "SELECT password FROM runtime_mysql_users WHERE frontend=1 AND username="
                + NodeDatabase.literal(username))
        guard let password = answer?.rows.first?.first ?? nil, !password.hasPrefix("*") else { return nil }
        return password
    }
}
