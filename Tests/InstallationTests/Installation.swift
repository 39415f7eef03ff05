import FleetModel
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Pacing
import Persistence
import ProxySQLAdmin
import Scaler
import Synchronization

@testable import ManagementAPI

/// A whole installation in memory: two scalers of which one leads, the API, the embedded store, three nodes in a
/// cluster and Cloud SQL.
final class Installation: Sendable {
    private struct State {
        var lives: [Life?]
        var isStopped = false
        var names = 0
    }

    static let scalers = 2

    let world: World
    let disk = Disk()
    let cloud: SimulatedCloud
    let nodes: [SimulatedNode]
    /// Of the API and whoever else calls from outside.
    private let outside = Life()
    private let api: @Sendable (Request) async throws -> Response
    private let state = Mutex(State(lives: Array(repeating: nil, count: scalers)))

    init(seed: UInt64) throws {
        world = World(seed: seed)
        cloud = SimulatedCloud(world: world)
        let world = world
        // Two cores that know each other, and a satellite that pulls from both.
        nodes = try (0..<3).map { try SimulatedNode(world: world, number: $0, peers: $0 == 2 ? [0, 1] : [1 - $0]) }
        let store = SimulatedStore(world: world, disk: disk, life: outside)
        let router = Router(context: ManagementContext.self)
        APIRoutes(
            sources: .init(changes: store, incidents: store, survey: SimulatedSurvey(nodes: nodes, life: outside)),
            settings: .init(defaultPolicy: Self.policy), authenticator: OpenToAll(),
            time: (world.wallClock, world.clock), logger: silent
        ).addRoutes(to: router)
        let responder = router.buildResponder()
        api = { request in
            let source = ApplicationRequestContextSource(channel: EmbeddedChannel(), logger: silent)
            return try await responder.respond(to: request, context: ManagementContext(source: source))
        }
    }

    /// The store as whoever is outside sees it.
    var store: SimulatedStore { SimulatedStore(world: world, disk: disk, life: outside) }

    /// Runs everything while `body` does.
    func run(_ body: @escaping @Sendable (Installation) async -> Void) async {
        await withDiscardingTaskGroup { tasks in
            for node in nodes {
                let others =
                    node.fleetNode.role == .satellite ? Array(nodes.prefix(2)) : nodes.prefix(2).filter { $0 !== node }
                tasks.addTask { await node.keepInStep(with: others) }
            }
            for number in 0..<Self.scalers { tasks.addTask { await self.supervise(number) } }
            await body(self)
            tasks.cancelAll()
        }
    }

    // MARK: Scalers

    private func supervise(_ number: Int) async {
        while !Task.isCancelled {
            guard !state.withLock({ $0.isStopped }) else {
                await world.sleep(.seconds(1))
                continue
            }
            let life = Life()
            state.withLock { $0.lives[number] = life }
            do {
                try await scaler(number, life).run { work in
                    await withTaskGroup(of: Void.self) { tasks in
                        tasks.addTask { await work() }
                        tasks.addTask { await life.waitForEnd(self.world.clock) }
                        await tasks.next()
                        tasks.cancelAll()
                    }
                }
            } catch {
                world.violate("a scaler does not start: \(error)")
            }
            life.end()
            state.withLock { $0.lives[number] = nil }
            await world.sleep(.seconds(world.chance.pick(2...90)))
        }
    }

    private func scaler(_ number: Int, _ life: Life) throws -> Scaler {
        let world = world
        let store = SimulatedStore(world: world, disk: disk, life: life)
        let chance: @Sendable (ClosedRange<Double>) -> Double = { world.chance.pick($0) }
        var means = AdminFleet.Means()
        means.chance = chance
        let nodes = nodes
        means.connect = { node, _, _ throws(AdminError) in
            guard let found = nodes.first(where: { $0.fleetNode == node }) else {
                throw AdminError(.refused, "there is no \(node.name)")
            }
            return try await found.connect(life)
        }
        var settings = AdminFleet.Settings(username: "radmin", password: Secret("radmin"))
        settings.verifyEvery = .seconds(600)
        settings.readEvery = .seconds(1_200)
        settings.diskEvery = .seconds(2_400)
        settings.countEvery = .seconds(1_200)
        let fleet = AdminFleet(
            nodes: nodes.map(\.fleetNode), settings: settings, wallClock: world.wallClock, clock: world.clock,
            logger: silent, means: means)
        let fence = Fence()
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: SimulatedProvider(cloud: cloud, nodes: nodes, life: life),
            fleet: RaisingFleet(
                fleet, groups: store, fence: fence, wallClock: world.wallClock, logger: silent),
            wallClock: world.wallClock, inventoryLifetime: .seconds(900),
            nameSuffix: { [self] in "r\(nextName())" })
        around.rounds = fleet
        around.fence = fence
        around.probe = SimulatedProbe(cloud: cloud, life: life)
        around.chance = chance
        let lease = try LeaseTiming(
            duration: .seconds(480), renewDeadline: .seconds(360), interval: .seconds(120), timeout: .seconds(20))
        return Scaler(
            around: around, queue: store, lock: store,
            settings: ScalerSettings(
                operationPoll: .seconds(15), publicationRetry: .seconds(5), resync: .seconds(600),
                queuePoll: .seconds(60), inventoryPeriod: .seconds(900), lease: lease,
                admission: AdmissionRule(rampDuration: .seconds(60), rampSteps: 3)),
            clock: world.clock, logger: silent)
    }

    private func nextName() -> Int {
        state.withLock { state in
            state.names += 1
            return state.names
        }
    }

    /// One scaler dies at one of its next calls, or is told to end and does.
    func end(scaler number: Int, gracefully: Bool) {
        guard let life = state.withLock({ $0.lives[number] }) else { return }
        world.count(.kills)
        if gracefully {
            life.leave()
        } else {
            life.endSoon(after: world.chance.pick(0...60))
        }
    }

    /// Puts back the copy of the store, as a person does who has lost it: everything stands still meanwhile.
    func restoreStore() async throws {
        guard disk.hasCopy else { return }
        world.count(.restores)
        let lives = state.withLock { state in
            state.isStopped = true
            return state.lives
        }
        for life in lives { life?.leave() }
        while state.withLock({ $0.lives.contains { $0 != nil } }) { await world.sleep(.seconds(1)) }
        disk.close()
        try disk.putBack()
        try disk.start()
        world.reread(try await store.groups().map(\.document))
        state.withLock { $0.isStopped = false }
    }

    // MARK: The API

    /// Asks the API as a client does, but for the socket.
    /// - Returns: the status of the answer.
    @discardableResult
    func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) async -> Int {
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        if body != nil { head.headerFields[.contentType] = "application/json" }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body ?? "")))
        do {
            let status = try await api(request).status.code
            if status >= 400 { world.count(.refusals) }
            world.note("api: \(method) \(path) → \(status)")
            return status
        } catch {
            world.note("api: \(method) \(path) → \(error)")
            return 500
        }
    }

    private static var policy: ScalingPolicy {
        var policy = ScalingPolicy(maximumReplicas: 2)
        policy.drainDeadline = .seconds(300)
        return policy
    }
}
