package import FleetModel

extension CloudSQLReplicaProvider {
    /// A page of `instances.list` holds at most 1,000 instances, so this many are more than a project may have.
    private static let maximumPages = 100

    /// Lists by label, page by page. `warnings` mean that a region could not be reached: then the listing is not
    /// complete (Cloud SQL Admin API, `instances.list`).
    package func managedReplicas() async throws(ProviderError) -> ProviderListing {
        var listing = ProviderListing(instances: [], isComplete: true)
        var token: String?
        for _ in 0..<Self.maximumPages {
            var query = [("filter", "settings.userLabels.\(Self.ownerLabel):true"), ("maxResults", "1000")]
            if let token { query.append(("pageToken", token)) }
            let page = try await get("\(base)/instances", query: query, as: InstanceList.self)
            if page.warnings?.isEmpty == false { listing.isComplete = false }
            listing.instances += (page.items ?? []).compactMap { instance in
                (try? InstanceName(instance.name)).map { Self.provided(instance, $0) }
            }
            guard let next = page.nextPageToken, !next.isEmpty else { return listing }
            guard next != token else { break }
            token = next
        }
        throw ProviderError(.unavailable, "listing our replicas: the list of instances does not end")
    }
}
