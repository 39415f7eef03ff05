package import FleetModel
package import Logging
package import Pacing

/// A fleet whose publications are kept beside the event log, for another process that shows them.
package actor KeptFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let log: SQLiteEventLog
    private let wallClock: any WallClock
    private let logger: Logger
    private var kept: [InstanceName: (publication: Publication, at: Timestamp)] = [:]
    /// What stays as it is is kept again this often, so that its time says that somebody still looks.
    private static let repetitionInterval = Duration.seconds(60)
    /// Connections and lags come and go: where nothing else changed, they are kept this often.
    private static let countsInterval = Duration.seconds(10)

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

    package func look(at configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.look(at: configuration)
        await keep(publication, of: configuration.group)
        return publication
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.withdraw(configuration)
        guard publication.isComplete else {
            await keep(publication, of: configuration.group)
            return publication
        }
        kept[configuration.group] = nil
        do throws(StoreError) {
            try await log.forgetPublication(of: configuration.group)
        } catch {
            complain(error)
        }
        return publication
    }

    private func keep(_ publication: Publication, of group: InstanceName) async {
        let now = wallClock.now()
        if let last = kept[group], now.since(last.at) >= .zero {
            let isSame = last.publication == publication
            if now.since(last.at) < (isSame ? Self.repetitionInterval : Self.countsInterval),
                isSame || Self.essence(of: last.publication) == Self.essence(of: publication)
            {
                return
            }
        }
        kept[group] = (publication, now)
        do throws(StoreError) {
            try await log.keep(publication, of: group, at: now)
        } catch {
            complain(error)
        }
    }

    private static func essence(of publication: Publication) -> Publication {
        var publication = publication
        for node in publication.nodes.indices { publication.nodes[node].backends = [] }
        return publication
    }

    /// For people only: what is done does not depend on it.
    private func complain(_ error: StoreError) {
        logger.warning("other processes do not see what the nodes hold", metadata: ["error": "\(error)"])
    }
}
