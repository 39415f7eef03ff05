import FleetModel
import HTTPTypes
import Testing

@Suite("A node that comes back with what there is no more", .timeLimit(.minutes(5)))
struct ReturningNodeTests {
    /// Plays `body` on an installation with the groups `shop` and `cafe`.
    private func play(_ body: @escaping @Sendable (Installation) async throws -> Void) async throws {
        let installation = try Installation(seed: 3)
        let world = installation.world
        let ended = await withVirtualTime(world.executor, world.clock) {
            await installation.run { installation in
                do {
                    try installation.disk.start()
                    for (place, name) in ["shop", "cafe"].enumerated() { await register(name, place, installation) }
                    await world.sleep(.seconds(120))
                    try await body(installation)
                } catch {
                    world.violate("\(error)")
                }
            }
        }
        installation.disk.remove()
        #expect(ended && world.violations.isEmpty, "\(world.violations) \(world.log.suffix(40))")
    }

    private func register(_ name: String, _ place: Int, _ installation: Installation) async {
        await installation.ask(
            .put, "/v1/groups/\(name)",
            """
            {"servers": [{"name": "\(name)", "address": "10.9.\(place).1", "origin": "primary"}],
             "users": [{"username": "\(name)-app", "password": "first"}]}
            """)
    }

    private func remove(_ name: String, _ installation: Installation) async {
        await installation.ask(.delete, "/v1/groups/\(name)")
        await installation.world.sleep(.seconds(600))
        if installation.world.groups.contains(where: { $0.name.text == name }) {
            installation.world.violate("\(name) is not removed")
        }
    }

    private func restartScalers(_ installation: Installation) async {
        for number in 0..<Installation.scalers { installation.end(scaler: number, gracefully: true) }
        await installation.world.sleep(.seconds(900))
    }

    @Test("the rows of a group that was removed meanwhile go, though every scaler was restarted since")
    func removed() async throws {
        try await play { installation in
            let node = installation.nodes[1]
            await node.keepDisk()
            node.stop()
            await remove("cafe", installation)
            await restartScalers(installation)
            // Nobody has loaded anything since, so that nothing is pulled from them.
            for other in installation.nodes where other !== node {
                other.stop()
                await other.start(.present)
            }
            await installation.world.sleep(.seconds(1_800))
            await node.start(.old)
            #expect(await !Rest(installation).orphans().isEmpty, "it did come back with them")
            await installation.world.sleep(.seconds(3_600))
            #expect(await Rest(installation).orphans().isEmpty, "\(installation.world.log.suffix(20))")
            #expect(await Rest(installation).problems().isEmpty)
        }
    }

    @Test("and those of a group that was registered again since stay")
    func registeredAgain() async throws {
        try await play { installation in
            let node = installation.nodes[1]
            await node.keepDisk()
            node.stop()
            await remove("cafe", installation)
            await register("cafe", 7, installation)
            await restartScalers(installation)
            await node.start(.old)
            await installation.world.sleep(.seconds(3_600))
            #expect(await Rest(installation).problems().isEmpty)
            #expect(installation.world.groups.count == 2)
        }
    }

    @Test("a store that is older than a registration takes nothing from clients, until a person says so")
    func restored() async throws {
        try await play { installation in
            await remove("cafe", installation)
            try installation.disk.keepCopy()
            await register("cafe", 7, installation)
            await installation.world.sleep(.seconds(600))
            try await installation.restoreStore()
            #expect(installation.world.lost.map(\.text) == ["cafe"])
            // One of the nodes is new, and holds nothing.
            installation.nodes[2].stop()
            await installation.nodes[2].start(.empty)
            await installation.world.sleep(.seconds(7_200))
            for node in installation.nodes.prefix(2) {
                let users = await node.type("SELECT username FROM runtime_mysql_users WHERE username='cafe-app'")
                #expect(!users.isEmpty, "\(node.name)")
            }
        }
    }
}
