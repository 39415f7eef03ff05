/// What can list the replicas that the provider says are ours, so that one that no record knows can be adopted.
package protocol ReplicaInventory: Sendable {
    /// Every instance that carries our labels for `group`, whatever its state.
    /// - Throws: `ProviderError`; also when the provider could not see all of its regions, because absence from a
    ///   partial list says nothing.
    func replicas(of group: InstanceName) async throws(ProviderError) -> [ProviderInstance]
}
