package import FleetModel
package import ProxySQLAdmin

/// The strategy `admin` where nodes come and go: before each publication it is looked which nodes there are.
package struct DiscoveredFleet: ProxyFleet {
    private let directory: any NodeDirectory
    private let fleet: AdminFleet

    /// Publishes through `fleet` to the nodes of `directory`.
    package init(directory: any NodeDirectory, fleet: AdminFleet) {
        self.directory = directory
        self.fleet = fleet
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await discovering(configuration) { await fleet.publish(configuration) }
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await discovering(configuration) { await fleet.withdraw(configuration) }
    }

    /// Without knowing which nodes there are, nothing may be called published.
    private func discovering(
        _ configuration: FleetConfiguration, _ body: () async -> Publication
    ) async -> Publication {
        do throws(NodeDirectoryError) {
            await fleet.setNodes(try await directory.nodes())
        } catch {
            return Publication(
                generation: configuration.generation,
                nodes: [NodePublication(node: "pods", condition: .unknown, detail: "\(error)")])
        }
        return await body()
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
