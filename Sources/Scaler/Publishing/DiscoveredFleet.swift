package import FleetModel
import Pacing
package import ProxySQLAdmin

/// The strategy `admin` where nodes come and go: before each publication, and every few seconds, it is looked which
/// nodes there are.
package struct DiscoveredFleet: ProxyFleet, FleetRounds {
    private let directory: any NodeDirectory
    private let fleet: AdminFleet
    private let interval: Duration
    private let clock: any Clock<Duration>

    /// Publishes through `fleet` to the nodes of `directory`.
    package init(
        directory: any NodeDirectory, fleet: AdminFleet, interval: Duration = .seconds(5),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.directory = directory
        self.fleet = fleet
        self.interval = interval
        self.clock = clock
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await discover()
        return await fleet.publish(configuration)
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await discover()
        return await fleet.withdraw(configuration)
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        await fleet.look(at: configuration)
    }

    package func run(mayAct: @escaping @Sendable () -> Bool, onChange: @escaping @Sendable () -> Void) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await fleet.run(mayAct: mayAct, onChange: onChange) }
            while !Task.isCancelled {
                await discover()
                try? await clock.sleep(for: interval)
            }
        }
    }

    package func begin() async { await fleet.begin() }

    package func take(_ register: GroupRegister) async { await fleet.take(register) }

    package func needsRegister() async -> Bool { await fleet.needsRegister() }

    package func orphans() async -> [OrphanedGroup] { await fleet.orphans() }

    private func discover() async {
        do throws(NodeDirectoryError) {
            await fleet.setNodes(try await directory.nodes())
        } catch {
            await fleet.nodesAreUnknown(because: "\(error)")
        }
    }
}

extension DiscoveredFleet: FleetRehearsal {
    /// Compares the tables of each node; only reads.
    package func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget] {
        do throws(NodeDirectoryError) {
            await fleet.setNodes(try await directory.nodes())
        } catch {
            return [RehearsedTarget(name: "pods", problem: "\(error)")]
        }
        return await fleet.rehearse(configuration)
    }
}
