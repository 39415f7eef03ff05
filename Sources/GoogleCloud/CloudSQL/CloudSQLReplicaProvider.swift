package import FleetModel
import NIOHTTP1

/// Creates and deletes Cloud SQL read replicas through the Admin API, version 1.
package struct CloudSQLReplicaProvider: ReplicaProvider {
    /// The label that Chester's tools look for.
    static let ownerLabel = "chester"
    /// The label that says whose replica it is.
    static let groupLabel = "drover-group"

    private let request: GoogleRequest
    private let project: String
    private let privateNetwork: String?

    /// Works in `project`; replicas join `privateNetwork` (`projects/P/global/networks/N`), or their primary's network
    /// when it is nil.
    package init(request: GoogleRequest, project: String, privateNetwork: String?) {
        self.request = request
        self.project = project
        self.privateNetwork = privateNetwork
    }

    private var base: String { "/v1/projects/\(project)" }

    package func createReplica(_ wanted: ReplicaRequest) async throws(ProviderError) -> String {
        let primary = try await request.send(
            .GET, "\(base)/instances/\(wanted.primary)", as: DatabaseInstance.self)
        return try await request.send(
            .POST, "\(base)/instances", body: replica(wanted, of: primary), as: SQLOperation.self
        ).name
    }

    /// What is copied from the primary and what is not, with the traps of `instances.insert`:
    /// the edition is named because 8.4 would default to another, another owner's labels stay behind, deletion
    /// protection is off, and a replica has no backups of its own.
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
        settings.databaseFlags = copied.databaseFlags
        settings.deletionProtectionEnabled = false
        settings.ipConfiguration = IPConfiguration(
            ipv4Enabled: false, privateNetwork: privateNetwork ?? copied.ipConfiguration?.privateNetwork,
            sslMode: copied.ipConfiguration?.sslMode, allocatedIpRange: copied.ipConfiguration?.allocatedIpRange)
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
        let found = try await request.send(.GET, path, as: DatabaseInstance.self)
        let labels = found.settings?.userLabels ?? [:]
        let obstacle: String? =
            if found.instanceType != "READ_REPLICA_INSTANCE" {
                "it is not a read replica"
            } else if Self.instanceName(found.masterInstanceName) != wanted.primary.text {
                "it replicates from \(found.masterInstanceName ?? "nothing")"
            } else if labels[Self.ownerLabel] != "true" || labels[Self.groupLabel] != Self.label(wanted.group) {
                "its labels do not say that it is ours"
            } else if found.settings?.deletionProtectionEnabled == true {
                "it is protected from deletion"
            } else {
                nil
            }
        if let obstacle {
            throw ProviderError(.notOurs, "\(wanted.name) is not deleted: \(obstacle)")
        }
        return try await request.send(.DELETE, path, as: SQLOperation.self).name
    }

    package func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        let found: DatabaseInstance
        do throws(ProviderError) {
            found = try await request.send(.GET, "\(base)/instances/\(name)", as: DatabaseInstance.self)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
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
            primary: Self.instanceName(found.masterInstanceName), labels: found.settings?.userLabels ?? [:])
    }

    package func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        Self.operation(try await request.send(.GET, "\(base)/operations/\(id)", as: SQLOperation.self))
    }

    package func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        do throws(ProviderError) {
            let list = try await request.send(
                .GET, "\(base)/operations?instance=\(name)&maxResults=50", as: SQLOperationList.self)
            return (list.items ?? []).map(Self.operation)
        } catch {
            // An instance that never was has no operations.
            guard error.code == .notFound else { throw error }
            return []
        }
    }

    private static func operation(_ found: SQLOperation) -> ProviderOperation {
        let kind: ProviderOperation.Kind =
            switch found.operationType {
            case "CREATE_REPLICA", "CREATE": .create
            case "DELETE": .delete
            default: .other(found.operationType ?? "unknown")
            }
        let failure = found.error?.errors?.first.map { "\($0.code ?? "error"): \($0.message ?? "no message")" }
        return ProviderOperation(
            id: found.name, kind: kind, target: found.targetId ?? "", isDone: found.status == "DONE",
            failure: failure)
    }

    /// `masterInstanceName` may come with its project: `project:name`.
    private static func instanceName(_ name: String?) -> String? {
        name?.split(separator: ":").last.map { String($0) }
    }

    /// A label's value has at most 63 characters.
    private static func label(_ group: InstanceName) -> String {
        String(group.text.prefix(63))
    }
}
