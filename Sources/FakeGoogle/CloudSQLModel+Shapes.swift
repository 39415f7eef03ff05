import FleetModel

extension CloudSQLModel {
    /// The settings of the seeded instances.
    static let seedSettings: JSONValue = [
        "kind": "sql#settings", "settingsVersion": "7", "tier": "db-custom-4-15360", "edition": "ENTERPRISE",
        "availabilityType": "ZONAL", "activationPolicy": "ALWAYS", "dataDiskType": "PD_SSD", "dataDiskSizeGb": "100",
        "storageAutoResize": true, "storageAutoResizeLimit": "0", "pricingPlan": "PER_USE",
        "replicationType": "SYNCHRONOUS", "connectorEnforcement": "NOT_REQUIRED",
        "ipConfiguration": [
            "ipv4Enabled": false, "privateNetwork": "projects/net/global/networks/vpc",
            "sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
        ],
        "userLabels": ["team": "shop"],
        "databaseFlags": [["name": "max_connections", "value": "4000"]],
        "deletionProtectionEnabled": false,
    ]

    static func instance(
        _ name: String, _ project: String, state: String, address: String?, primary: String?, settings: JSONValue,
        at now: Timestamp
    ) -> JSONValue {
        var instance: JSONValue = [
            "kind": "sql#instance", "name": .string(name), "project": .string(project), "state": .string(state),
            "databaseVersion": "MYSQL_8_0", "region": "us-central1", "gceZone": "us-central1-a",
            "backendType": "SECOND_GEN", "connectionName": .string("\(project):us-central1:\(name)"),
            "createTime": .string(now.rfc3339), "settings": settings,
            "instanceType": primary == nil ? "CLOUD_SQL_INSTANCE" : "READ_REPLICA_INSTANCE",
        ]
        if let primary {
            instance["masterInstanceName"] = .string("\(primary)")
            instance["replicaConfiguration"] = ["kind": "sql#replicaConfiguration", "failoverTarget": false]
        }
        if let address { instance["ipAddresses"] = [["type": "PRIVATE", "ipAddress": .string(address)]] }
        return instance
    }

    /// Terms of a filter such as `settings.userLabels.chester:true state:RUNNABLE`; a space means AND.
    static func terms(_ filter: String) throws(GoogleError) -> [(path: [String], value: String)] {
        var terms: [(path: [String], value: String)] = []
        for word in filter.split(separator: " ") where word != "AND" {
            let parts = word.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else {
                throw GoogleError(400, "invalid", "Invalid filter: \(word)")
            }
            terms.append((parts[0].split(separator: ".").map { String($0) }, String(parts[1])))
        }
        return terms
    }
}

/// What Google checks of a request's JSON before it looks at its meaning.
enum CloudSQLRequest {
    private static let instanceFields: Set<String> = [
        "name", "region", "databaseVersion", "masterInstanceName", "instanceType", "replicaConfiguration", "settings",
        "kind", "project", "gceZone", "rootPassword",
    ]
    private static let settingsFields: Set<String> = [
        "kind", "tier", "edition", "availabilityType", "activationPolicy", "dataDiskType", "dataDiskSizeGb",
        "storageAutoResize", "storageAutoResizeLimit", "ipConfiguration", "userLabels", "databaseFlags",
        "deletionProtectionEnabled", "pricingPlan", "replicationType", "backupConfiguration", "locationPreference",
        "maintenanceWindow", "settingsVersion", "connectorEnforcement", "insightsConfig",
    ]

    static func check(_ body: JSONValue) throws(GoogleError) {
        guard case .object(let members) = body else { throw GoogleError(400, "parseError", "Parse Error") }
        try refuseUnknown(members, instanceFields, at: "")
        let settings = body["settings"]
        try refuseUnknown(settings.members, settingsFields, at: " at 'settings'")
        guard settings["tier"].string != nil else {
            throw GoogleError(400, "required", "Invalid request: Missing parameter: tier.")
        }
        for name in ["dataDiskSizeGb", "storageAutoResizeLimit", "settingsVersion"] {
            if case .number = settings[name] { continue }  // Google takes int64 as a number or as text.
            guard settings[name] == .null || settings[name].string.flatMap({ Int64($0) }) != nil else {
                throw GoogleError(400, "invalid", "Invalid value at 'settings.\(name)' (TYPE_INT64)")
            }
        }
        if settings["backupConfiguration"]["enabled"] == true {
            throw GoogleError(
                400, "errorDisallowedEnablingBackupsForReadReplica", "Backups cannot be enabled for read replicas.")
        }
    }

    private static func refuseUnknown(
        _ members: [String: JSONValue], _ known: Set<String>, at place: String
    ) throws(GoogleError) {
        guard let unknown = members.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw GoogleError(
            400, "invalid", "Invalid JSON payload received. Unknown name \"\(unknown)\"\(place): Cannot find field.")
    }
}

extension Timestamp {
    /// This moment as RFC 3339 in UTC, by the civil-from-days algorithm (H. Hinnant, "chrono-compatible low-level date
    /// algorithms").
    package var rfc3339: String {
        let seconds = secondsSinceEpoch
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let time = seconds - days * 86_400
        func pad(_ value: Int64, _ width: Int = 2) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let milliseconds = millisecondsSinceEpoch - seconds * 1_000
        return "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(time / 3_600)):\(pad(time / 60 % 60)):"
            + "\(pad(time % 60)).\(pad(milliseconds, 3))Z"
    }
}
