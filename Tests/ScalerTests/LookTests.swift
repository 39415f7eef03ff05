import FleetModel
import Foundation
import Logging
import Pacing
import Persistence
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@testable import Scaler

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A fleet that keeps its nodes right by itself, and counts how often it is told to read them all anew.
private final class KeptRight: ProxyFleet {
    let asked = Mutex((looks: 0, publications: 0))

    func look(at configuration: FleetConfiguration) async -> Publication {
        asked.withLock { $0.looks += 1 }
        return Self.current(configuration)
    }

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        asked.withLock { $0.publications += 1 }
        return Self.current(configuration)
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication { await publish(configuration) }

    private static func current(_ configuration: FleetConfiguration) -> Publication {
        Publication(
            generation: configuration.generation, nodes: [NodePublication(node: "core-0", condition: .current)])
    }
}

@Suite("Looks at nodes that are kept right")
struct LookTests {
    @Test(
        "a look stays a look through every fleet around the nodes': nothing is read anew for it",
        arguments: ["raising", "fenced", "lag", "observed", "kept"]
    )
    func handedOn(wrapper: String) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = try StateDirectory(path: path)
        let store = try SQLiteStore(directory: directory)
        let nodes = KeptRight()
        let time = TestWallClock()
        let fence = Fence()
        fence.set(1)
        let fleet: any ProxyFleet =
            switch wrapper {
            case "raising": RaisingFleet(nodes, groups: store, fence: fence, wallClock: time, logger: quiet)
            case "fenced": FencedFleet(fleet: nodes, fence: fence)
            case "lag": LagFleet(nodes, board: PublicationBoard())
            case "observed": ObservedFleet(nodes, board: PublicationBoard(), wallClock: time) { _ in }
            default:
                KeptFleet(nodes, in: try SQLiteEventLog(directory: directory), wallClock: time, logger: quiet)
            }
        let shop = FleetConfiguration(
            group: try InstanceName("shop"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary)], [], []
            ))
        for _ in 0..<3 { #expect(await fleet.look(at: shop).isComplete) }
        #expect(nodes.asked.withLock { $0 } == (3, 0))
    }
}
