package import FleetModel
package import Pacing

/// The provider's list of our replicas, one for all groups: a list for each would use up the calls that the provider
/// allows (Cloud SQL documentation, "Quotas and limits", counts them by the minute).
package actor Inventory {
    private let provider: any ReplicaProvider
    private let wallClock: any WallClock
    private let lifetime: Duration
    private let turn = Turn()
    private var newest: (listing: ProviderListing, at: Timestamp)?

    /// Lists at most once in `lifetime`.
    package init(provider: any ReplicaProvider, wallClock: any WallClock, lifetime: Duration) {
        self.provider = provider
        self.wallClock = wallClock
        self.lifetime = lifetime
    }

    /// The newest listing and when it was made; those who ask while it is being fetched wait for the same one.
    /// - Throws: `ProviderError` when a new one was due and could not be had.
    func listing() async throws(ProviderError) -> (listing: ProviderListing, at: Timestamp) {
        await turn.take()
        defer { turn.give() }
        let now = wallClock.now()
        if let newest, now.since(newest.at) >= .zero, now.since(newest.at) < lifetime { return newest }
        let fetched = (listing: try await provider.managedReplicas(), at: now)
        newest = fetched
        return fetched
    }
}
