// The parts of Cloud SQL Admin API v1's documents that are read or written here; int64 are texts there.

/// A flag of the database engine.
struct DatabaseFlag: Codable, Hashable, Sendable {
    var name: String
    var value: String?
}

/// `settings.ipConfiguration.pscConfig`.
struct PSCConfiguration: Codable, Hashable, Sendable {
    var pscEnabled: Bool?
}

/// `settings.backupConfiguration`.
struct BackupConfiguration: Codable, Hashable, Sendable {
    var binaryLogEnabled: Bool?
}

/// `settings.ipConfiguration`.
struct IPConfiguration: Codable, Hashable, Sendable {
    var ipv4Enabled: Bool?
    var privateNetwork: String?
    var sslMode: String?
    var allocatedIpRange: String?
    var serverCaMode: String?
    var enablePrivatePathForGoogleCloudServices: Bool?
    var pscConfig: PSCConfiguration?
}

/// `settings.dataCacheConfig`, of Enterprise Plus.
struct DataCacheConfig: Codable, Hashable, Sendable {
    var dataCacheEnabled: Bool?
}

/// `settings`.
struct InstanceSettings: Codable, Hashable, Sendable {
    var tier: String?
    var edition: String?
    var availabilityType: String?
    var activationPolicy: String?
    var dataDiskType: String?
    var dataDiskSizeGb: String?
    var storageAutoResize: Bool?
    var storageAutoResizeLimit: String?
    var dataCacheConfig: DataCacheConfig?
    var connectorEnforcement: String?
    var ipConfiguration: IPConfiguration?
    var userLabels: [String: String]?
    var databaseFlags: [DatabaseFlag]?
    var deletionProtectionEnabled: Bool?
    var backupConfiguration: BackupConfiguration?
}

/// `replicaConfiguration`; of other kinds of replicas, other members are answered.
struct ReplicaConfiguration: Codable, Hashable, Sendable {
    var kind: String? = "sql#replicaConfiguration"
    var failoverTarget: Bool? = false
}

/// `ipAddresses[]`.
struct IPMapping: Codable, Hashable, Sendable {
    var type: String?
    var ipAddress: String?
}

/// An instance.
struct DatabaseInstance: Codable, Hashable, Sendable {
    var name: String
    var state: String?
    var region: String?
    var databaseVersion: String?
    var instanceType: String?
    var masterInstanceName: String?
    var replicaConfiguration: ReplicaConfiguration?
    var ipAddresses: [IPMapping]?
    var replicaNames: [String]?
    var settings: InstanceSettings?
}

/// An operation.
struct SQLOperation: Codable, Hashable, Sendable {
    struct Failures: Codable, Hashable, Sendable {
        struct Failure: Codable, Hashable, Sendable {
            var code: String?
            var message: String?
        }

        var errors: [Failure]?
    }

    var name: String
    var operationType: String?
    var status: String?
    var targetId: String?
    var error: Failures?
}

/// A list of operations.
struct SQLOperationList: Codable, Sendable {
    var items: [SQLOperation]?
}

/// A page of `instances.list`.
struct InstanceList: Codable, Sendable {
    struct Warning: Codable, Sendable {
        var code: String?
        var message: String?
        var region: String?
    }

    var items: [DatabaseInstance]?
    var nextPageToken: String?
    var warnings: [Warning]?
}
