import KubernetesClient
package import Logging
package import Pacing
package import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// Keeps `proxysql_servers` equal to the running cores, on each change and every interval.
///
/// The acting core does it for all, whose nodes pull the table from its; another one only as long as its own node does
/// not know the acting one and so cannot pull.
package struct MembershipKeeper: Service {
    /// So many rounds the acting core's table may take to arrive.
    private static let patience = 2
    /// Between two rounds where none were asked for.
    private static let restInterval = Duration.seconds(3_600)

    private let effects: CoreEffects
    private let directory: any CoreDirectory
    private let office: CoreOffice
    private let role: RoleBoard
    private let events: AgentEvents
    private let pace: Pace
    private let logger: Logger
    private let loads: LoadTimes
    private let known: KnownTable

    /// How it is paced.
    package struct Pace: Sendable {
        /// Wakes it when the cores have changed.
        package var change: Wakeup
        /// Between two rounds; zero leaves it to changes alone.
        package var interval: Duration
        /// What paces it.
        package var clock: any Clock<Duration>

        /// Makes a pace.
        package init(change: Wakeup, interval: Duration, clock: any Clock<Duration>) {
            self.change = change
            self.interval = interval
            self.clock = clock
        }
    }

    /// Makes the keeper of a core.
    package init(
        effects: CoreEffects, core: (directory: any CoreDirectory, office: CoreOffice), role: RoleBoard,
        events: AgentEvents, pace: Pace, logger: Logger
    ) {
        self.effects = effects
        directory = core.directory
        office = core.office
        self.role = role
        self.events = events
        self.pace = pace
        loads = LoadTimes(pace.clock)
        known = KnownTable(validity: pace.interval > .zero ? pace.interval : Self.restInterval, clock: pace.clock)
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var failures = 0
            while !Task.isCancelled {
                do throws(AdminError) {
                    try await step()
                    if failures > 0 { logger.info("the members of the cluster can be kept again") }
                    failures = 0
                } catch {
                    if failures == 0 {
                        logger.warning(
                            "the members of the cluster cannot be kept; trying again",
                            metadata: ["error": "\(error)"])
                    }
                    failures += 1
                }
                // A node that just starts refuses for half a minute; that must not cost a whole interval.
                let retry = Duration.milliseconds(min(200 << min(failures, 5), 5_000))
                let interval = pace.interval > .zero ? pace.interval : Self.restInterval
                let wait = min(failures > 0 ? retry : interval, loads.due ?? interval)
                await pace.change.wait(upTo: wait, clock: pace.clock)
            }
        }
    }

    /// One round; the plan that was carried out, empty when nothing differed.
    @discardableResult
    package func step() async throws(AdminError) -> MembershipPlan {
        guard let members = directory.members, !members.isEmpty else {
            role.update { $0.note = "the cores are not known" }
            return MembershipPlan(current: [], members: [])
        }
        let isActing = office.isActing
        role.update { report in
            report.peers = members.map(\.name)
            report.leader = office.acting
            report.isLeader = isActing
        }
        if isActing, let table = known.take(unless: members) {
            let plan = MembershipPlan(from: table.members, to: members)
            guard !plan.isEmpty else {
                known.made(members, readAt: table.readAt)
                return plan
            }
            try await carryOut(plan)
            known.made(members, readAt: table.readAt)
            return plan
        }
        return try await compare(members)
    }

    /// Compares the whole table.
    private func compare(_ members: [CoreMember]) async throws(AdminError) -> MembershipPlan {
        let current = try await effects.members()
        let plan = MembershipPlan(current: current, members: members)
        let rounds = loads.round(isOver: plan.isEmpty)
        // Tables that were loaded in the same second are never pulled from one another.
        guard plan.isEmpty || office.isActing || rounds > Self.patience || isCutOff(current, members) else {
            return plan
        }
        guard plan.isEmpty else {
            try await carryOut(plan)
            known.read(members)
            return plan
        }
        // Memory is as it should be; what runs may not be, if a LOAD failed or somebody wrote by hand.
        let running = try await effects.members(atRuntime: true)
        if Set(running) != Set(current) || loads.isDue {
            loads.loaded(isShared: try await effects.loadMembers())
        }
        known.read(members)
        return plan
    }

    private func carryOut(_ plan: MembershipPlan) async throws(AdminError) {
        loads.loaded(isShared: try await effects.carryOut(plan))
        events.publish(.membershipChanged, [.written: "\(plan.writes.count)", .removed: "\(plan.removals.count)"])
    }

    /// Whether the node knows nobody from whom it could learn the others.
    private func isCutOff(_ current: [MemberRow], _ members: [CoreMember]) -> Bool {
        let known = Set(current.map { AgentAddress(host: $0.host, port: $0.port) })
        if let acting = members.first(where: { $0.name == office.acting }), acting.name != office.identity.name {
            return !known.contains(acting.address)
        }
        return !members.contains { $0.name != office.identity.name && known.contains($0.address) }
    }
}

/// The cores for which the table was last seen, or made, to be right.
///
/// Reading and comparing some thousands of rows takes longer than all the rest of a change, so a change within
/// `validity` of a reading is made from what was read.
final class KnownTable: Sendable {
    private struct State {
        var members: [CoreMember]
        var readAt: Duration
    }

    private let stopwatch: Stopwatch
    private let validity: Duration
    private let state = Mutex<State?>(nil)

    init(validity: Duration, clock: any Clock<Duration>) {
        self.validity = validity
        stopwatch = Stopwatch(clock)
    }

    /// The cores that the table holds, if `members` are others and it was read lately. It is forgotten: whoever takes it
    /// says with `made` that all went well.
    func take(unless members: [CoreMember]) -> (members: [CoreMember], readAt: Duration)? {
        let now = stopwatch.elapsed
        return state.withLock { state in
            defer { state = nil }
            guard let known = state, known.members != members, now - known.readAt < validity else { return nil }
            return (known.members, known.readAt)
        }
    }

    /// The table was read just now and is right for `members`.
    func read(_ members: [CoreMember]) {
        let now = stopwatch.elapsed
        state.withLock { $0 = State(members: members, readAt: now) }
    }

    /// The table that was read at `readAt` was made right for `members`.
    func made(_ members: [CoreMember], readAt: Duration) {
        state.withLock { $0 = State(members: members, readAt: readAt) }
    }
}
