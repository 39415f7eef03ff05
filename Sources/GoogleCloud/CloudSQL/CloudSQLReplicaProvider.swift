package import FleetModel

/// Creates and deletes Cloud SQL read replicas through the Admin API, version 1.
package struct CloudSQLReplicaProvider: ReplicaProvider {
    /// The label that Chester's tools look for.
    static let ownerLabel = "chester"
    /// The label that says whose replica it is.
    static let groupLabel = "drover-group"

    let request: GoogleRequest
    private let project: String
    let privateNetwork: String?

    /// Works in `project`; replicas join `privateNetwork` (`projects/P/global/networks/N`), or their primary's network
    /// when it is nil.
    package init(request: GoogleRequest, project: String, privateNetwork: String?) {
        self.request = request
        self.project = project
        self.privateNetwork = privateNetwork
    }

    var base: String { "/v1/projects/\(project)" }

    package func createReplica(_ wanted: ReplicaRequest) async throws(ProviderError) -> String {
        let primary = try await get("\(base)/instances/\(wanted.primary)", as: DatabaseInstance.self)
        let obstacles = obstacles(primary)
        guard obstacles.isEmpty else {
            throw ProviderError(.invalid, "\(wanted.name) is not created: \(obstacles.joined(separator: "; "))")
        }
        let document = replica(wanted, of: primary)
        return try await CloudSQLFailure.sorted { () async throws(GoogleFailure) in
            try await request.send(try GoogleCall(.POST, "\(base)/instances").json(document), as: SQLOperation.self)
        }.name
    }

    /// What is copied from the primary and what is not: the edition is named because MySQL 8.4 would default to
    /// another, whose tiers differ; another owner's labels stay behind; deletion protection is off, because it would
    /// block our own delete; a replica has no backups of its own (Cloud SQL documentation, "Create read replicas" and
    /// "Error messages"); and `replicationLagMaxSeconds` is left out, because Cloud SQL would recreate a lagging
    /// replica behind our back.
    func replica(_ wanted: ReplicaRequest, of primary: DatabaseInstance) -> DatabaseInstance {
        let copied = primary.settings ?? InstanceSettings()
        var settings = InstanceSettings()
        settings.tier = copied.tier
        settings.edition = copied.edition
        settings.availabilityType = "ZONAL"
        settings.activationPolicy = "ALWAYS"
        settings.dataDiskType = copied.dataDiskType ?? "PD_SSD"
        settings.dataDiskSizeGb = copied.dataDiskSizeGb
        settings.storageAutoResize = true
        settings.storageAutoResizeLimit = copied.storageAutoResizeLimit
        settings.dataCacheConfig = copied.dataCacheConfig
        settings.databaseFlags = copied.databaseFlags
        settings.deletionProtectionEnabled = false
        settings.ipConfiguration = IPConfiguration(
            ipv4Enabled: false, privateNetwork: privateNetwork ?? copied.ipConfiguration?.privateNetwork,
            sslMode: copied.ipConfiguration?.sslMode, allocatedIpRange: copied.ipConfiguration?.allocatedIpRange,
            serverCaMode: copied.ipConfiguration?.serverCaMode,
            enablePrivatePathForGoogleCloudServices:
                copied.ipConfiguration?.enablePrivatePathForGoogleCloudServices)
        var labels = (copied.userLabels ?? [:]).filter { !$0.key.hasPrefix("goog-") }
        labels[Self.ownerLabel] = "true"
        labels[Self.groupLabel] = Self.label(wanted.group)
        settings.userLabels = labels
        return DatabaseInstance(
            name: wanted.name.text, region: primary.region, databaseVersion: primary.databaseVersion,
            instanceType: "READ_REPLICA_INSTANCE", masterInstanceName: wanted.primary.text,
            replicaConfiguration: ReplicaConfiguration(), settings: settings)
    }

    package func deleteReplica(_ wanted: ReplicaRequest) async throws(ProviderError) -> String {
        let path = "\(base)/instances/\(wanted.name)"
        let found = try await get(path, as: DatabaseInstance.self)
        let labels = found.settings?.userLabels ?? [:]
        let obstacle: String? =
            if found.instanceType != "READ_REPLICA_INSTANCE" {
                "it is not a read replica"
            } else if ![wanted.primary.text, "\(project):\(wanted.primary)"].contains(found.masterInstanceName) {
                "it replicates from \(found.masterInstanceName ?? "nothing")"
            } else if !Self.isOurs(labels, wanted.group), wanted.mustBearLabels || !Self.isChesters(labels) {
                "its labels do not say that it is ours"
            } else if found.settings?.deletionProtectionEnabled == true {
                "it is protected from deletion"
            } else {
                nil
            }
        if let obstacle {
            throw ProviderError(.notOurs, "\(wanted.name) is not deleted: \(obstacle)")
        }
        return try await CloudSQLFailure.sorted { () async throws(GoogleFailure) in
            try await request.send(GoogleCall(.DELETE, path), as: SQLOperation.self)
        }.name
    }

    package func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        let found: DatabaseInstance
        do throws(ProviderError) {
            found = try await get("\(base)/instances/\(name)", as: DatabaseInstance.self)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        return Self.provided(found, name)
    }

    package func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        Self.isOurs(instance.labels, group)
            || Self.isChesters(instance.labels) && instance.primary == group.text
    }

    package func bearsLabels(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        Self.isOurs(instance.labels, group)
    }

    /// Whether Chester's daemon made the instance: it says that it is Chester's and not which group's. Chester's groups
    /// are named after their primary unless an alert says otherwise.
    static func isChesters(_ labels: [String: String]) -> Bool {
        labels[ownerLabel] == "true" && labels[groupLabel] == nil
    }

    /// Whether the labels say that an instance is ours, for `group`.
    static func isOurs(_ labels: [String: String], _ group: InstanceName) -> Bool {
        labels[ownerLabel] == "true" && labels[groupLabel] == label(group)
    }

    /// The instance as the scaler sees it.
    static func provided(_ found: DatabaseInstance, _ name: InstanceName) -> ProviderInstance {
        let isStopped = found.settings?.activationPolicy == "NEVER"  // RUNNABLE covers that too.
        let state: ProviderInstance.State =
            switch found.state {
            case "RUNNABLE" where !isStopped: .runnable
            case "PENDING_CREATE": .creating
            case "PENDING_DELETE": .deleting
            case "FAILED": .failed
            default: .other(isStopped ? "STOPPED" : found.state ?? "unknown")
            }
        return ProviderInstance(
            name: name, state: state,
            privateAddress: found.ipAddresses?.first { $0.type == "PRIVATE" }?.ipAddress,
            primary: instanceName(found.masterInstanceName), labels: found.settings?.userLabels ?? [:])
    }

    package func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        Self.operation(try await get("\(base)/operations/\(id)", as: SQLOperation.self))
    }

    package func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        do throws(ProviderError) {
            let list = try await get(
                "\(base)/operations", query: [("instance", name.text), ("maxResults", "50")],
                as: SQLOperationList.self)
            return (list.items ?? []).map(Self.operation)
        } catch {
            // An instance that never was has no operations.
            guard error.code == .notFound else { throw error }
            return []
        }
    }

    func get<Document: Decodable & Sendable>(
        _ path: String, query: [(String, String)] = [], as type: Document.Type
    ) async throws(ProviderError) -> Document {
        try await CloudSQLFailure.sorted { () async throws(GoogleFailure) in
            try await request.send(GoogleCall(.GET, path, query: query), as: type)
        }
    }

    private static func operation(_ found: SQLOperation) -> ProviderOperation {
        let kind: ProviderOperation.Kind =
            switch found.operationType {
            case "CREATE_REPLICA", "CREATE": .create
            case "DELETE": .delete
            default: .other(found.operationType ?? "unknown")
            }
        // An operation that is DONE with `error` has failed, whatever the error says or leaves out.
        let failure = found.error.map { error in
            error.errors?.first.map { "\($0.code ?? "error"): \($0.message ?? "no message")" } ?? "no reason given"
        }
        return ProviderOperation(
            id: found.name, kind: kind, target: found.targetId ?? "", isDone: found.status == "DONE",
            failure: failure)
    }

    /// `masterInstanceName` may come with its project: `project:name`.
    private static func instanceName(_ name: String?) -> String? {
        name?.split(separator: ":").last.map { String($0) }
    }

    /// A label's value has at most 63 characters; a longer name keeps its beginning and gets a mark of the whole (FNV-1a,
    /// 64 bits), so that two groups never share a label and with it each other's replicas.
    static func label(_ group: InstanceName) -> String {
        guard group.text.utf8.count > 63 else { return group.text }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in group.text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "\(group.text.prefix(46))-\(String(hash, radix: 16))"
    }
}
