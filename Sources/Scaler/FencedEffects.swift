import FleetModel

// What this process does outside of the store, behind its fence: whoever lost the lead and does not know it yet, or is
// late because the process was stopped, does nothing more.

/// A provider that is asked for changes only while this process leads.
struct FencedProvider: ReplicaProvider {
    let provider: any ReplicaProvider
    let fence: Fence

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try fence.check("creating \(request.name)")
        return try await provider.createReplica(request)
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try fence.check("deleting \(request.name)")
        return try await provider.deleteReplica(request)
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        try await provider.instance(named: name)
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing { try await provider.managedReplicas() }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        provider.isOurs(instance, of: group)
    }

    func bearsLabels(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        provider.bearsLabels(instance, of: group)
    }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        try await provider.operation(id: id)
    }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        try await provider.operations(on: name)
    }
}

/// A fleet that gets configurations only while this process leads.
struct FencedFleet: ProxyFleet {
    let fleet: any ProxyFleet
    let fence: Fence

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        guard fence.current != nil else { return Self.refusal(configuration) }
        return await fleet.publish(configuration)
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        guard fence.current != nil else { return Self.refusal(configuration) }
        return await fleet.withdraw(configuration)
    }

    func look(at configuration: FleetConfiguration) async -> Publication {
        guard fence.current != nil else { return Self.refusal(configuration) }
        return await fleet.look(at: configuration)
    }

    /// Nobody was asked, so nothing is known of any node.
    private static func refusal(_ configuration: FleetConfiguration) -> Publication {
        Publication(
            generation: configuration.generation,
            nodes: [
                NodePublication(
                    node: "every node", condition: .unknown, detail: "this process does not lead any more")
            ])
    }
}

/// Certificates that are made and deleted only while this process leads.
struct FencedCertificates: BackendCertificates {
    let certificates: any BackendCertificates
    let fence: Fence

    func serverAuthorities(of name: InstanceName) async throws(ProviderError) -> [String] {
        try await certificates.serverAuthorities(of: name)
    }

    func clientCertificates(of name: InstanceName) async throws(ProviderError) -> [ClientCertificate] {
        try await certificates.clientCertificates(of: name)
    }

    func makeClientCertificate(
        _ commonName: String, on name: InstanceName
    ) async throws(ProviderError) -> (certificate: ClientCertificate, identity: ClientIdentity) {
        try fence.check("a client certificate of \(name)")
        return try await certificates.makeClientCertificate(commonName, on: name)
    }

    func deleteClientCertificate(_ fingerprint: String, on name: InstanceName) async throws(ProviderError) {
        try fence.check("deleting a client certificate of \(name)")
        try await certificates.deleteClientCertificate(fingerprint, on: name)
    }
}
