import FleetModel
import JSONValues

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
            instance[at: "masterInstanceName"] = .string("\(primary)")
            instance[at: "replicaConfiguration"] = ["kind": "sql#replicaConfiguration", "failoverTarget": false]
        }
        if let address { instance[at: "ipAddresses"] = [["type": "PRIVATE", "ipAddress": .string(address)]] }
        return instance
    }
}

extension CloudSQLModel {
    /// Makes an instance what no call of the API makes it: another state, another address, another primary.
    mutating func reshape(_ name: String, _ change: JSONValue) throws(GoogleError) {
        instances[name] = try get(name).merging(change)
    }
}

extension Timestamp {
    /// This moment as RFC 3339 in UTC, by the civil-from-days algorithm (H. Hinnant, "chrono-compatible low-level date
    /// algorithms").
    var rfc3339: String {
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
