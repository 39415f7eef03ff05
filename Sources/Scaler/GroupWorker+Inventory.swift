import FleetModel
import Logging
import Pacing

extension GroupWorker {
    /// What a worker has made of the provider's list.
    struct Sighting {
        /// When the list was made that was looked through last.
        var listedAt: Timestamp?
        /// When the provider was asked last, with or without success.
        var askedAt: Timestamp?
        /// Serving replicas that were missing, by the list in which they were missed first.
        var missing: [InstanceName: Timestamp] = [:]

        /// Whether a list was ever seen.
        var hasListed: Bool { listedAt != nil }
    }

    /// Compares the record with the provider's list: takes up a replica of ours that the record does not know, and
    /// gives up one that is gone or failed.
    ///
    /// Nothing is concluded from a list alone: what it says, or leaves out, is asked for by name, and a replica is only
    /// lost when it was missing in two lists.
    /// - Returns: what was changed, or nil.
    func takeInventory(_ stored: Versioned<GroupRecord>) async throws(StoreError) -> StepReport? {
        let now = around.wallClock.now()
        if let asked = sighting.askedAt {
            let pause = sighting.hasListed ? settings.inventoryPeriod : settings.operationPoll
            if now.since(asked) >= .zero, now.since(asked) < pause { return nil }
        }
        sighting.askedAt = now
        var record = stored.document
        var change: String?
        do throws(ProviderError) {
            let (listing, at) = try await around.inventory.listing()
            change = try await adoptOrphan(listing, &record, now)
            if change == nil, listing.isComplete { change = try await giveUpLost(listing, at, &record, now) }
            sighting.listedAt = at
        } catch {
            logger.warning("listing instances failed", metadata: ["error": "\(error)"])
            return nil
        }
        guard let change else { return nil }
        // There may be another one: the same list is looked through again.
        sighting.askedAt = nil
        logger.warning("inventory", metadata: ["inventory.change": "\(change)"])
        try await save(record, stored.version)
        return .did(change)
    }

    private func adoptOrphan(
        _ listing: ProviderListing, _ record: inout GroupRecord, _ now: Timestamp
    ) async throws(ProviderError) -> String? {
        let known = Set(record.replicas.map(\.name.text) + record.configuration.servers.map(\.name))
        for listed in listing.instances {
            guard !known.contains(listed.name.text), listed.primary == record.primaryInstance.text else { continue }
            if let address = listed.privateAddress, record.takeOver(listed.name, servingAt: address, at: now) {
                return "\(listed.name) serves at \(address) since before the take-over: it is managed from now on"
            }
            guard around.provider.isOurs(listed, of: record.name) else { continue }
            // The list may be older than a deletion.
            guard let instance = try await around.provider.instance(named: listed.name), instance.state != .deleting
            else { continue }
            record.adopt(listed.name, at: now)
            return "\(listed.name) carries this group's labels and was not in the record: it is taken up"
        }
        return nil
    }

    private func giveUpLost(
        _ listing: ProviderListing, _ at: Timestamp, _ record: inout GroupRecord, _ now: Timestamp
    ) async throws(ProviderError) -> String? {
        let listed = Dictionary(listing.instances.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for replica in record.replicas where replica.state == .serving {
            if let seen = listed[replica.name], seen.state != .failed {
                sighting.missing[replica.name] = nil
                continue
            }
            let instance = try await around.provider.instance(named: replica.name)
            if instance?.state == .failed {
                record.fail(replica.name, because: "the instance is FAILED", at: now)
                return "\(replica.name) is FAILED and is given up"
            }
            guard instance == nil else {
                sighting.missing[replica.name] = nil
                continue
            }
            if let first = sighting.missing[replica.name], first < at {
                sighting.missing[replica.name] = nil
                record.fail(replica.name, because: "the instance does not exist any more", at: now)
                return "\(replica.name) does not exist any more and is given up"
            }
            sighting.missing[replica.name] = sighting.missing[replica.name] ?? at
        }
        return nil
    }
}
