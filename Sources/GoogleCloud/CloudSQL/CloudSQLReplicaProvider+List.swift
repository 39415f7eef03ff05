package import FleetModel

extension CloudSQLReplicaProvider: ReplicaInventory {
    /// A page of `instances.list` holds at most 1,000 instances, so this many are more than a project may have.
    private static let maximumPages = 100

    /// Lists by label, page by page. `warnings` mean that a region could not be reached: then nothing is returned,
    /// because a replica that is missing from the list may still be there (Cloud SQL Admin API, `instances.list`).
    package func replicas(of group: InstanceName) async throws(ProviderError) -> [ProviderInstance] {
        let filter =
            "settings.userLabels.\(Self.ownerLabel):true settings.userLabels.\(Self.groupLabel):\(Self.label(group))"
        var found: [ProviderInstance] = []
        var token: String?
        for _ in 0..<Self.maximumPages {
            var query = [("filter", filter), ("maxResults", "500")]
            if let token { query.append(("pageToken", token)) }
            let page = try await get("\(base)/instances", query: query, as: InstanceList.self)
            if let warning = page.warnings?.first {
                throw ProviderError(
                    .unavailable,
                    "listing the replicas of \(group): the list is incomplete: \(warning.code ?? "warning") "
                        + "\(warning.region ?? ""): \(warning.message ?? "no message")")
            }
            // The filter's `:` is "has", which a longer label passes too.
            found += (page.items ?? []).compactMap { instance in
                guard Self.isOurs(instance, group), let name = try? InstanceName(instance.name) else { return nil }
                return Self.provided(instance, name)
            }
            guard let next = page.nextPageToken, !next.isEmpty else { return found }
            guard next != token else { break }
            token = next
        }
        throw ProviderError(.unavailable, "listing the replicas of \(group): the list does not end")
    }
}
