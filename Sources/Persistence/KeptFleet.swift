package import FleetModel
package import Logging
package import Pacing

/// A fleet whose publications are kept beside the event log, for another process that shows them.
package struct KeptFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let log: SQLiteEventLog
    private let wallClock: any WallClock
    private let logger: Logger

    /// Wraps `fleet`.
    package init(_ fleet: any ProxyFleet, in log: SQLiteEventLog, wallClock: any WallClock, logger: Logger) {
        self.fleet = fleet
        self.log = log
        self.wallClock = wallClock
        self.logger = logger
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.publish(configuration)
        await keep(publication, of: configuration.group)
        return publication
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.withdraw(configuration)
        guard publication.isComplete else {
            await keep(publication, of: configuration.group)
            return publication
        }
        do throws(StoreError) {
            try await log.forgetPublication(of: configuration.group)
        } catch {
            complain(error)
        }
        return publication
    }

    private func keep(_ publication: Publication, of group: InstanceName) async {
        do throws(StoreError) {
            try await log.keep(publication, of: group, at: wallClock.now())
        } catch {
            complain(error)
        }
    }

    /// For people only: what is done does not depend on it.
    private func complain(_ error: StoreError) {
        logger.warning("other processes do not see what the nodes hold", metadata: ["error": "\(error)"])
    }
}
