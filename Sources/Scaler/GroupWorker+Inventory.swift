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
        /// Serving replicas that were missing, or another primary's, by the list in which that was seen first.
        var missing: [InstanceName: Timestamp] = [:]

        /// Serving replicas that another primary has by the newest look, with its name.
        var reparented: [InstanceName: String] = [:]

        /// Whether a list was ever seen.
        var hasListed: Bool { listedAt != nil }
    }

    /// Compares the record with the provider's list: takes up a replica of ours that the record does not know, gives up
    /// one that is gone or failed, leaves one that somebody took to its owner, and follows one that has moved.
    ///
    /// Nothing is concluded from a list alone: what it says, or leaves out, is asked for by name, and a replica is only
    /// lost when it was missing, or another primary's, in two lists.
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
            if change == nil { change = try await compareServing(listing, at, &record, now) }
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
        let known = Set(
            record.replicas.map(\.name.text) + record.configuration.servers.map(\.name)
                + (record.leftReplicas ?? []).map(\.name.text))
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
            if around.provider.bearsLabels(instance, of: record.name) { record.sawLabels(of: listed.name) }
            return "\(listed.name) carries this group's labels and was not in the record: it is taken up"
        }
        return nil
    }

    private func compareServing(
        _ listing: ProviderListing, _ at: Timestamp, _ record: inout GroupRecord, _ now: Timestamp
    ) async throws(ProviderError) -> String? {
        let listed = Dictionary(listing.instances.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for replica in record.replicas where replica.state == .serving {
            // A record of an earlier version, or of a replica that Chester made and a person labelled.
            if let found = listed[replica.name], replica.bearsLabels != true,
                around.provider.bearsLabels(found, of: record.name)
            {
                record.sawLabels(of: replica.name)
                return "\(replica.name) bears this group's labels"
            }
            // What a list leaves out although it is not complete says nothing.
            guard listed[replica.name] != nil || listing.isComplete else { continue }
            if sight(listed[replica.name], replica, record) == .fine {
                sighting.missing[replica.name] = nil
                sighting.reparented[replica.name] = nil
                _ = record.hold(replica.name, because: nil)
                continue
            }
            let instance = try await around.provider.instance(named: replica.name)
            let seen = sight(instance, replica, record)
            if let change = conclude(seen, replica, at, &record, now) { return change }
        }
        return nil
    }

    private func sight(_ instance: ProviderInstance?, _ replica: ReplicaRecord, _ record: GroupRecord) -> ServingSight {
        let address = record.configuration.servers.first { $0.name == replica.name.text }?.address
        return ServingSight(instance, primary: record.primaryInstance, address: address)
    }

    /// - Returns: what was changed, or nil.
    private func conclude(
        _ seen: ServingSight, _ replica: ReplicaRecord, _ at: Timestamp, _ record: inout GroupRecord, _ now: Timestamp
    ) -> String? {
        let name = replica.name
        sighting.reparented[name] = nil
        switch seen {
        case .fine:
            sighting.missing[name] = nil
            return nil
        case .lost(let reason):
            record.lose(name, because: reason, at: now)
            return "\(name) is given up: \(reason)"
        case .missing:
            guard isSecondList(name, at) else { return nil }
            record.lose(name, because: "the instance does not exist any more", at: now)
            return "\(name) does not exist any more and is given up"
        case .promoted:
            return leave(replica, because: "it was promoted and replicates from nothing", &record, now)
        case .reparented(let source):
            sighting.reparented[name] = source
            guard isSecondList(name, at) else { return nil }
            return leave(replica, because: "it replicates from \(source)", &record, now)
        case .moved(let address):
            sighting.missing[name] = nil
            record.move(name, to: address)
            return "\(name) has the address \(address) now"
        }
    }

    /// Whether `name` was missed in another list than the one of `at` already; which came first is no question of
    /// their times, because the clock may have been set back.
    private func isSecondList(_ name: InstanceName, _ at: Timestamp) -> Bool {
        if let first = sighting.missing[name], first != at {
            sighting.missing[name] = nil
            return true
        }
        sighting.missing[name] = sighting.missing[name] ?? at
        return false
    }

    /// Readers with old answers are better than none: the last one stays, and people are told.
    private func leave(
        _ replica: ReplicaRecord, because reason: String, _ record: inout GroupRecord, _ now: Timestamp
    ) -> String? {
        guard record.hasReaders(beside: replica.name) else {
            let held = "\(reason), and no other reader takes its traffic"
            return record.hold(replica.name, because: held) ? "\(replica.name) stays: \(held)" : nil
        }
        record.leave(replica.name, because: reason, at: now)
        return "\(replica.name) leaves the readers: \(reason)"
    }
}
