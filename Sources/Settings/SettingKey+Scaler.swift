extension SettingKey {
    /// How the scaler decides, waits and lets replicas serve.
    static let scaler: [SettingKey] = [
        SettingKey(
            "scaler.cooldown-seconds", .seconds(0...86_400), "300",
            "Pause after a completed change of size, for groups that set none."),
        SettingKey(
            "scaler.drain-deadline-seconds", .seconds(0...86_400), "600",
            "How long a draining replica may keep connections in use."),
        SettingKey("scaler.poll-seconds", .seconds(0.01...600), "5", "Between two looks at a Cloud SQL operation."),
        SettingKey(
            "scaler.resync-seconds", .seconds(1...3_600), "30", "Between two verifications of quiet nodes."),
        SettingKey(
            "scaler.maximum-replicas", .integer(0...1_000), "5",
            "Managed replicas that are never exceeded, for groups that set none."),
        SettingKey(
            "scaler.default-policy-file", .text, nil,
            "YAML or JSON file with the policy of groups that set none, in the place of the defaults above."),
        SettingKey(
            "scaler.load-poll-seconds", .seconds(1...3_600), "15", "Between two looks at the metrics of a group."),
        SettingKey(
            "scaler.operation-deadline-seconds", .seconds(60...86_400), "5400",
            "After this Drover looks at the instance instead of waiting for its operation; past four times this it "
                + "gives the replica up, or leaves the instance to its owner."),
        SettingKey(
            "scaler.incident-max-age-seconds", .seconds(0...31_536_000), "604800",
            "After this without a notification, and half a minute more, the scaler closes an open incident; 0 for never."
        ),
        SettingKey(
            "scaler.inventory-seconds", .seconds(1...86_400), "300",
            "Between two lists of the Cloud SQL instances, which find replicas that are lost or unknown."),
        SettingKey(
            "scaler.replication-source", .word(["account", "monitoring", "none"]), nil,
            "Who says how a new replica replicates: the replica itself, asked with the account below, Cloud "
                + "Monitoring, which is minutes late, or nobody. By default the account where there is one, else "
                + "Cloud Monitoring where the Cloud SQL API is Google's."),
        SettingKey("scaler.monitor-username", .text, nil, "Account that asks replicas how they replicate."),
        SettingKey("scaler.monitor-password", .text, nil, "Its password.", isSecret: true),
        SettingKey(
            "scaler.monitor-tls", .word(["disabled", "preferred", "required", "verify-ca", "verify-identity"]),
            "preferred", "TLS of that account's connections: as MySQL's --ssl-mode."),
        SettingKey(
            "scaler.monitor-tls-ca", .text, nil,
            "File with the certificate authorities of the replicas; without it their certificates are not verified. "
                + "Read again when it changes."),
        SettingKey(
            "scaler.monitor-allow-public-key-retrieval", .flag, "false",
            "Whether that password may be encrypted to a key that a replica offers without TLS."),
        SettingKey(
            "scaler.admission-lag-seconds", .seconds(0...86_400), "10",
            "Replication lag above which a new replica does not serve yet."),
        SettingKey(
            "scaler.admission-samples", .integer(1...1_000), "3",
            "Looks in a row, a poll apart, that must find a new replica fit to serve."),
        SettingKey(
            "scaler.admission-deadline-seconds", .seconds(1...604_800), "7200",
            "After this a new replica that was never fit to serve is given up."),
        SettingKey(
            "scaler.ramp-seconds", .seconds(0...86_400), "60",
            "How long it takes from a new replica's first read to its full weight."),
        SettingKey("scaler.ramp-steps", .integer(1...100), "5", "In how many steps the weight grows."),
        SettingKey(
            "scaler.node-restart-seconds", .seconds(0...3_600), "60",
            "How long a node that refuses connections may take to be back with what is on its disk; until it was away "
                + "for longer, no replica is deleted and no group is forgotten."),
        SettingKey(
            "scaler.unreachable-after-seconds", .seconds(1...86_400), "300",
            "After this a node that does not answer is taken for down."),
    ]
}
