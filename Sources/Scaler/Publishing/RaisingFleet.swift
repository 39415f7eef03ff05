package import FleetModel
package import Logging
import Observability
package import Pacing

/// A fleet under which a record goes on above the generations that nodes know.
///
/// A publication that finds something newer than its configuration publishes nothing and says so. Then the record's
/// generation is raised in the store, by compare-and-swap and with the event that this makes, and the next publication is
/// of the record as it is then. No node is ever believed that it holds what is wanted because its generation is greater.
package struct RaisingFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let groups: any GroupStore
    private let fence: Fence?
    private let wallClock: any WallClock
    private let logger: Logger

    /// Wraps `fleet`; `groups` is the store in which events are made of saves, `fence` the scaler's own.
    package init(
        _ fleet: any ProxyFleet, groups: any GroupStore, fence: Fence?, wallClock: any WallClock, logger: Logger
    ) {
        self.fleet = fleet
        self.groups = groups
        self.fence = fence
        self.wallClock = wallClock
        self.logger = logger
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await raising(configuration, await fleet.publish(configuration))
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        await raising(configuration, await fleet.look(at: configuration))
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await raising(configuration, await fleet.withdraw(configuration))
    }

    private func raising(_ configuration: FleetConfiguration, _ publication: Publication) async -> Publication {
        guard let newer = publication.newer else { return publication }
        do throws(StoreError) {
            try await raise(configuration, above: newer)
        } catch {
            logger.warning(
                "a group's generation could not be raised above what nodes hold; it is tried again",
                metadata: ["group.name": "\(configuration.group)", "error": "\(error)"])
        }
        return publication
    }

    private func raise(
        _ configuration: FleetConfiguration, above newer: NewerGeneration
    ) async throws(StoreError) {
        guard let stored = try await groups.group(configuration.group),
            // A record that somebody changed since is published first: perhaps it is what was seen.
            stored.document.configuration == configuration
        else { return }
        var record = stored.document
        record.raiseGeneration(above: newer, at: wallClock.now())
        guard record != stored.document else { return }
        if let fence { try fence.stamp(&record) }
        try await groups.save(record, ifVersion: stored.version)
        ScalerMetric.generationsRaised.count(record.name.text)
        logger.warning(
            "a group's generation was raised above what nodes hold",
            metadata: [
                "group.name": "\(record.name)", "generation": "\(record.configuration.generation)",
                "generation.before": "\(configuration.generation)", "generation.seen": "\(newer.generation)",
                "seen.at": "\(newer.place)",
            ])
    }
}
