import JSONValues

/// What Google checks of a request's JSON before it looks at its meaning: that it knows every field, and that numbers
/// are numbers. The names are those of `sqladmin.v1`'s discovery document.
enum CloudSQLRequest {
    private static let instanceFields = names(
        """
        availableMaintenanceVersions backendType connectionName createTime currentDiskSize databaseInstalledVersion
        databaseVersion diskEncryptionConfiguration diskEncryptionStatus dnsName dnsNames etag failoverReplica gceZone
        geminiConfig includeReplicasForMajorVersionUpgrade instanceType ipAddresses ipv6Address kind maintenanceVersion
        masterInstanceName maxDiskSize name nodeCount nodes onPremisesConfiguration outOfDiskReport primaryDnsName
        project pscServiceAttachmentLink region replicaConfiguration replicaNames replicationCluster rootPassword
        satisfiesPzi satisfiesPzs scheduledMaintenance secondaryGceZone selfLink serverCaCert
        serviceAccountEmailAddress settings sqlNetworkArchitecture state suspensionReason
        switchTransactionLogsToCloudStorageEnabled tags upgradableDatabaseVersions writeEndpoint
        """)
    private static let settingsFields = names(
        """
        activationPolicy activeDirectoryConfig advancedMachineFeatures authorizedGaeApplications autoUpgradeEnabled
        availabilityType backupConfiguration collation connectionPoolConfig connectorEnforcement
        crashSafeReplicationEnabled dataApiAccess dataCacheConfig dataDiskProvisionedIops
        dataDiskProvisionedThroughput dataDiskSizeGb dataDiskType databaseFlags databaseReplicationEnabled
        deletionProtectionEnabled denyMaintenancePeriods edition enableDataplexIntegration enableGoogleMlIntegration
        entraidConfig finalBackupConfig insightsConfig ipConfiguration kind locationPreference maintenanceWindow
        passwordValidationPolicy performanceCaptureConfig pricingPlan readPoolAutoScaleConfig
        replicationLagMaxSeconds replicationType retainBackupsOnDelete settingsVersion sqlServerAuditConfig
        storageAutoResize storageAutoResizeLimit tier timeZone userLabels
        """)
    private static let addressFields = names(
        """
        allocatedIpRange authorizedNetworks customSubjectAlternativeNames enablePrivatePathForGoogleCloudServices
        ipv4Enabled privateNetwork pscConfig requireSsl serverCaMode serverCaPool serverCertificateRotationMode sslMode
        """)
    private static let replicaFields = names("cascadableReplica failoverTarget kind mysqlReplicaConfiguration")
    private static let integers = [
        "dataDiskSizeGb", "storageAutoResizeLimit", "settingsVersion", "dataDiskProvisionedIops",
        "dataDiskProvisionedThroughput",
    ]

    private static func names(_ text: String) -> Set<String> {
        Set(text.split { $0 == " " || $0 == "\n" }.map { String($0) })
    }

    /// A new instance.
    static func checkInsert(_ body: JSONValue) throws(GoogleError) {
        try checkFields(body)
        guard body[at: "settings", "tier"].string != nil else {
            throw GoogleError(400, "required", "Invalid request: Missing parameter: tier.")
        }
        let addresses = body[at: "settings", "ipConfiguration"]
        guard
            addresses == .null || addresses[at: "ipv4Enabled"] != false
                || addresses[at: "pscConfig", "pscEnabled"] == true
                || addresses[at: "privateNetwork"].string?.isEmpty == false
        else {
            throw GoogleError(
                400, "invalid",
                "Invalid request: At least one of Public IP, Private IP or PSC connectivity must be enabled.")
        }
        if body[at: "settings", "backupConfiguration", "enabled"] == true {
            throw GoogleError(
                400, "errorDisallowedEnablingBackupsForReadReplica", "Backups cannot be enabled for read replicas.")
        }
    }

    /// Fields and types, for new instances and for changes.
    static func checkFields(_ body: JSONValue) throws(GoogleError) {
        guard case .object(let members) = body else { throw GoogleError(400, "parseError", "Parse Error") }
        try refuseUnknown(members, instanceFields, at: "")
        let settings = body[at: "settings"]
        try refuseUnknown(settings.members, settingsFields, at: "settings")
        try refuseUnknown(settings[at: "ipConfiguration"].members, addressFields, at: "settings.ip_configuration")
        try refuseUnknown(body[at: "replicaConfiguration"].members, replicaFields, at: "replica_configuration")
        for (index, flag) in settings[at: "databaseFlags"].elements.enumerated() {
            try refuseUnknown(flag.members, ["name", "value"], at: "settings.database_flags[\(index)]")
        }
        for name in integers {
            if settings[at: name].number != nil { continue }  // Google takes int64 as a number or as text.
            guard settings[at: name] == .null || settings[at: name].string.flatMap({ Int64($0) }) != nil else {
                throw GoogleError(400, "invalid", "Invalid value at 'settings.\(name)' (TYPE_INT64)")
            }
        }
    }

    private static func refuseUnknown(
        _ members: [String: JSONValue], _ known: Set<String>, at place: String
    ) throws(GoogleError) {
        guard let unknown = members.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw GoogleError(
            400, "invalid",
            "Invalid JSON payload received. Unknown name \"\(unknown)\"\(place.isEmpty ? "" : " at '\(place)'"): "
                + "Cannot find field.")
    }
}
