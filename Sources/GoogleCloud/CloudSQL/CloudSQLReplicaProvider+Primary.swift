package import FleetModel

extension CloudSQLReplicaProvider: PrimaryLookup {
    package func primary(named name: InstanceName) async throws(ProviderError) -> PrimaryInstance? {
        let found: DatabaseInstance
        do throws(ProviderError) {
            found = try await get("\(base)/instances/\(name)", as: DatabaseInstance.self)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        var cautions: [String] = []
        if let source = found.masterInstanceName, !source.isEmpty {
            cautions.append("\(name) is itself a replica, of \(source)")
        }
        let state = Self.provided(found, name).state
        if state != .runnable { cautions.append("\(name) is \(state.word)") }
        if found.settings?.backupConfiguration?.binaryLogEnabled == false {
            cautions.append("\(name) has binary logging turned off, and Cloud SQL makes no replica without it")
        }
        return PrimaryInstance(
            name: name,
            addresses: (found.ipAddresses ?? []).filter { $0.type != "OUTGOING" }.compactMap { mapping in
                mapping.ipAddress.map { .init(kind: mapping.type ?? "unknown", text: $0) }
            },
            replicas: (found.replicaNames ?? []).map { $0.split(separator: ":").last.map { String($0) } ?? $0 },
            obstacles: obstacles(found), cautions: cautions)
    }

    /// Why no replica of `primary` can be made as it is (Cloud SQL documentation, "Create read replicas" and "Configure
    /// private IP"); empty when one can.
    func obstacles(_ primary: DatabaseInstance) -> [String] {
        var obstacles: [String] = []
        let (name, settings) = (primary.name, primary.settings)
        if let version = primary.databaseVersion, !version.hasPrefix("MYSQL_") {
            obstacles.append("\(name) runs \(version), and ProxySQL's readers here are MySQL")
        }
        if settings?.connectorEnforcement == "REQUIRED" {
            obstacles.append(
                "\(name) enforces connectors, and such an instance with a private address cannot have replicas; set its "
                    + "connectorEnforcement to NOT_REQUIRED")
        }
        if (privateNetwork ?? settings?.ipConfiguration?.privateNetwork ?? "").isEmpty {
            let way =
                settings?.ipConfiguration?.pscConfig?.pscEnabled == true
                ? "it is reached by Private Service Connect only"
                : settings?.ipConfiguration?.ipv4Enabled == true
                    ? "it has only a public address" : "only a public address, or none"
            obstacles.append(
                "\(name) has no private network (\(way)), and Drover gives its replicas private addresses alone, so Cloud "
                    + "SQL would answer \"At least one of Public IP, Private IP or PSC connectivity must be enabled\"; give "
                    + "\(name) a private network, or name one in cloudsql.network")
        }
        return obstacles
    }
}
