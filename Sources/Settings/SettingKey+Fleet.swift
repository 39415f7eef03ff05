extension SettingKey {
    /// Which ProxySQL nodes there are, and how a configuration is brought to them.
    static let fleet: [SettingKey] = [
        SettingKey(
            "fleet.strategy", .word(["admin", "kubernetes", "rollout"]), "admin",
            "How configurations reach the nodes: through their admin interfaces, by a Secret that agents follow, or "
                + "by Chester's ConfigMap and Deployment."),
        SettingKey("fleet.nodes", .nodes, nil, "The ProxySQL nodes: name=role@host:port, separated by commas."),
        SettingKey("fleet.username", .text, "radmin", "Admin user of the ProxySQL nodes."),
        SettingKey("fleet.password", .text, nil, "Its password.", isSecret: true),
        SettingKey(
            "fleet.tls", .word(["disabled", "preferred", "required", "verify-ca", "verify-identity"]), "disabled",
            "TLS to the admin interfaces: as MySQL's --ssl-mode."),
        SettingKey(
            "fleet.tls-ca", .text, nil,
            "File with the CA certificates of the admin interfaces; read again when it changes."),
        SettingKey(
            "fleet.allow-public-key-retrieval", .flag, "false",
            "Whether the password may be encrypted to a key that a node offers without TLS."),
        SettingKey("fleet.save-to-disk", .flag, "true", "Whether what is loaded is saved to disk."),
        SettingKey(
            "fleet.statement-timeout-seconds", .seconds(0.1...600), "10", "How long one admin statement may take."),
        SettingKey(
            "fleet.pod-selector", .text, nil,
            "Labels of the ProxySQL pods. Strategy admin finds its nodes by it instead of fleet.nodes; strategy "
                + "kubernetes waits for these pods (app=proxysql when unset). Connection pools are read from them "
                + "too."),
        SettingKey(
            "fleet.core-label", .text, "component=core", "The label that tells cores from satellites among those pods."),
        SettingKey("fleet.admin-port", .integer(1...65_535), "6032", "Admin port of the pods that are found."),
        SettingKey("fleet.agent-port", .integer(1...65_535), "8080", "Where the agents of the pods listen."),
        SettingKey(
            "fleet.namespace", .text, nil,
            "Namespace of the pods and objects; the credentials' own when unset, proxysql for strategy rollout."),
        SettingKey(
            "fleet.kubeconfig", .text, nil, "Kubeconfig; KUBECONFIG or the pod's service account when unset."),
        SettingKey("fleet.secret-prefix", .text, "fleet-", "Beginning of the names of the Secrets, one a group."),
        SettingKey(
            "fleet.base-cnf", .text, nil,
            "File with a proxysql.cnf for strategy kubernetes: everything but servers, users and rules."),
        SettingKey(
            "fleet.tls-directory", .text, "/var/lib/proxysql/drover-tls",
            "Where the nodes find the files that verify backends: what the agents' agent.tls.directory says, or where "
                + "the Secret is mounted."),
        SettingKey(
            "fleet.rollout-label", .text, "instancegroup",
            "The label of ConfigMap and Deployment whose value is the group's name, for strategy rollout."),
    ]
}
