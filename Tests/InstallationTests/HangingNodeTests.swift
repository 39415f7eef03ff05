import FleetModel
import HTTPTypes
import Testing

@Suite("While a node hangs", .timeLimit(.minutes(5)))
struct HangingNodeTests {
    @Test("a group is removed once the node counts as down")
    func removal() async throws {
        let installation = try Installation(seed: 1)
        let world = installation.world
        let ended = await withVirtualTime(world.executor, world.clock) {
            await installation.run { installation in
                do {
                    try installation.disk.start()
                } catch {
                    return world.violate("\(error)")
                }
                await installation.ask(
                    .put, "/v1/groups/shop",
                    """
                    {"servers": [{"name": "shop", "address": "10.9.1.1", "origin": "primary"}],
                     "users": [{"username": "app", "password": "first"}]}
                    """)
                await world.sleep(.seconds(120))
                installation.nodes[2].setMood(.hangs)
                await world.sleep(.seconds(600))
                await installation.ask(.delete, "/v1/groups/shop")
                await world.sleep(.seconds(1_800))
            }
        }
        installation.disk.remove()
        #expect(ended && world.violations.isEmpty, "\(world.violations)")
        #expect(world.groups.isEmpty, "the group is still there: \(world.log.suffix(10))")
    }
}
