package import FleetModel
import Pacing

/// A fleet whose publications are remembered, for strategies that have no rounds of their own: one publication of a
/// group at a time, so many at once, and a look at what was published lately costs nothing.
package actor RememberingFleet: ProxyFleet {
    private struct Known {
        var configuration: FleetConfiguration
        var publication: Publication
        var isWithdrawn: Bool
        var watch: Stopwatch
    }

    private let fleet: any ProxyFleet
    private let freshFor: Duration
    private let clock: any Clock<Duration>
    private var known: [InstanceName: Known] = [:]
    /// A generation that was seen once and not taken, by group.
    private var older: [InstanceName: Int64] = [:]
    private var turns: [InstanceName: Turn] = [:]
    private let places: [Turn]
    private var nextPlace = 0

    /// Remembers for `freshFor` what `fleet` published; an incomplete publication is always tried again.
    package init(
        _ fleet: any ProxyFleet, freshFor: Duration, atOnce: Int = 8, clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.fleet = fleet
        self.freshFor = freshFor
        self.clock = clock
        places = (0..<max(1, atOnce)).map { _ in Turn() }
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        older[configuration.group] = nil
        return await inTurn(configuration, isWithdrawn: false) { await fleet.publish(configuration) }
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let group = configuration.group
        older[group] = nil
        let publication = await inTurn(configuration, isWithdrawn: true) { await fleet.withdraw(configuration) }
        if publication.isComplete {
            known[group] = nil
            turns[group] = nil
        }
        return publication
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        let group = configuration.group
        if let last = known[group] {
            if last.isWithdrawn || configuration.generation < last.configuration.generation,
                // Whoever has just published may have saved something newer since this was read, or be withdrawing the
                // group; read again, it is a store that was put back.
                older.updateValue(configuration.generation, forKey: group) != configuration.generation
            {
                return last.publication
            }
            if !last.isWithdrawn, last.configuration == configuration, last.publication.isComplete,
                last.watch.elapsed < freshFor
            {
                return last.publication
            }
        }
        return await publish(configuration)
    }

    private func inTurn(
        _ configuration: FleetConfiguration, isWithdrawn: Bool, _ body: () async -> Publication
    ) async -> Publication {
        let group = configuration.group
        let turn = turns[group] ?? Turn()
        turns[group] = turn
        await turn.take()
        defer { turn.give() }
        nextPlace = (nextPlace + 1) % places.count
        let place = places[nextPlace]
        await place.take()
        defer { place.give() }
        let publication = await body()
        known[group] = Known(
            configuration: configuration, publication: publication, isWithdrawn: isWithdrawn, watch: Stopwatch(clock))
        return publication
    }
}
