import FleetModel
import Pacing
import ProxySQLAdmin

/// Changes groups: one at a time, checked against all the others, durable together with who made the change.
struct GroupEditor: Sendable {
    let store: any ChangeStore
    let wallClock: any WallClock
    /// Whether all groups live on the same ProxySQL nodes, so that user names must be unique among them.
    let groupsShareNodes: Bool
    /// Looks at the nodes' tables; nil where the API cannot reach them.
    let survey: (any NodeSurveying)?
    /// Asks the provider about primaries; nil where nobody can be asked.
    let primaries: PrimaryVerifier?
    /// Two changes that each look for a free place must not find the same one.
    private let turn = Turn()

    init(
        store: any ChangeStore, wallClock: any WallClock, groupsShareNodes: Bool, survey: (any NodeSurveying)? = nil,
        primaries: PrimaryVerifier? = nil
    ) {
        self.primaries = primaries
        self.store = store
        self.wallClock = wallClock
        self.groupsShareNodes = groupsShareNodes
        self.survey = survey
    }

    /// What a change is asked to depend on, and who asks.
    struct Terms: Sendable {
        var caller: Caller
        var source: String
        var action: String
        /// What `If-Match` says; nil where there is none.
        var precondition: Precondition?
        /// Answers without saving.
        var isDryRun = false
        /// Whether rows of somebody else in the group's places are taken over.
        var adopts = false
        /// Whether the provider is asked about a primary that is new.
        var verifies = true
    }

    /// What a change came to.
    struct Outcome: Sendable {
        /// The group before; nil for a new one.
        var before: GroupRecord?
        var after: GroupRecord
        /// The stored version afterwards.
        var version: Int64
        var hasChanged: Bool
        /// Rows of somebody else in the group's places: taken over, or in a dry run what would be refused.
        var foreignRows: [NodeSurvey.Finding] = []
        /// What whoever makes the change should know, one sentence each without a full stop.
        var warnings: [String] = []
    }

    /// What one try came to.
    private enum Attempt {
        case done(Outcome)
        /// Somebody was faster.
        case overtaken
        /// The provider must be asked about this primary first, while others make their changes.
        case asks(InstanceName)
    }

    /// The world that a change is decided in.
    struct Scene: Sendable {
        /// The group as it is stored; nil when there is none.
        var current: GroupRecord?
        /// Every other group.
        var others: [GroupRecord]
        var now: Timestamp
        /// The generation that a new group begins with, after those of an earlier one of the same name.
        var firstGeneration: Int64
        /// The group's name.
        var name: InstanceName
        /// What the nodes hold, for a group that is new.
        var nodes = NodeSurvey()

        /// Places that neither another group nor somebody else on the nodes uses; servers at `addresses` (address and
        /// port) and what is for `usernames` are the group's own.
        func freePlaces(addresses: Set<String>, usernames: Set<String>) -> HostgroupAllocation {
            let occupied = nodes.places(
                besides: name, Set(others.map(\.name.text)), addresses: addresses, usernames: usernames)
            return HostgroupAllocation.next(beside: others.map(\.configuration), avoiding: occupied)
        }
    }

    /// Decides by `body` what the group should be, and saves it unless it is that already.
    /// - Throws: `APIError`; nothing was changed then.
    func change(
        _ name: InstanceName, _ terms: Terms, _ body: (Scene) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Outcome {
        var sights: [InstanceName: PrimarySight] = [:]
        for _ in 0..<8 {
            switch try await takingTurn(name, terms, sights, body) {
            case .done(let outcome): return outcome
            // The scaler saved the group in between: decide again on what it is now.
            case .overtaken: continue
            case .asks(let primary): sights[primary] = await primaries?.sight(of: primary)
            }
        }
        throw .conflict("\(name) is being changed by the scaler at every moment; try again")
    }

    private func takingTurn(
        _ name: InstanceName, _ terms: Terms, _ sights: [InstanceName: PrimarySight],
        _ body: (Scene) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Attempt {
        await turn.take()
        defer { turn.give() }
        return try await attempt(name, terms, sights, body)
    }

    private func attempt(
        _ name: InstanceName, _ terms: Terms, _ sights: [InstanceName: PrimarySight],
        _ body: (Scene) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Attempt {
        let all: [Versioned<GroupRecord>]
        var firstGeneration: Int64 = 1
        var left: [LeftReplica]?
        do throws(StoreError) {
            all = try await store.groups()
            if !all.contains(where: { $0.document.name == name }) {
                let last = try await store.history(of: name, before: nil, limit: 1).first
                let tombstone = try await store.tombstone(of: name)
                firstGeneration = max(last?.generation ?? 0, tombstone?.generation ?? 0).clampedSum(1)
                left = tombstone?.leftReplicas ?? last?.record?.leftReplicas
            }
        } catch {
            throw APIError(error)
        }
        let stored = all.first { $0.document.name == name }
        if let precondition = terms.precondition {
            try precondition.check(stored.map { EntityTag($0.document, $0.version) }, name)
        }
        var scene = Scene(
            current: stored?.document, others: all.map(\.document).filter { $0.name != name }, now: wallClock.now(),
            firstGeneration: firstGeneration, name: name)
        if stored == nil, let survey { scene.nodes = await survey.survey(isFresh: terms.adopts) }
        var wanted = try body(scene)
        // Instances that an earlier group of the name let go of still bear its labels, and stay their owner's.
        if stored == nil { wanted.leftReplicas = left }
        if let refusal = APIError(
            GroupValidation.problems(of: wanted, beside: scene.others, usersAreShared: groupsShareNodes))
        {
            throw refusal
        }
        var verdict: PrimaryVerdict?
        if terms.verifies, primaries != nil, wanted.needsLook(after: stored?.document) {
            guard let sight = sights[wanted.primaryInstance] else { return .asks(wanted.primaryInstance) }
            verdict = PrimaryVerdict(sight, of: wanted)
        }
        if let verdict, !verdict.refusals.isEmpty { throw APIError(verdict.refusals, primaryOf: wanted) }
        let foreign = try await ownership(of: &wanted, in: scene, terms)
        guard wanted != stored?.document else {
            return .done(
                Outcome(
                    before: stored?.document, after: wanted, version: stored?.version ?? 0, hasChanged: false,
                    foreignRows: foreign))
        }
        wanted.configuration.generation = (stored?.document.configuration.generation).map { $0 + 1 } ?? firstGeneration
        let outcome = Outcome(
            before: stored?.document, after: wanted, version: (stored?.version ?? 0) + 1, hasChanged: true,
            foreignRows: foreign, warnings: verdict?.warnings ?? [])
        guard !terms.isDryRun else { return .done(outcome) }
        return try await save(outcome, stored?.version, terms, scene.now) ? .done(outcome) : .overtaken
    }

    /// Looks whether the places that the change gives to the group are somebody else's on a node, and writes down what
    /// is adopted: the rows that are there now, or, where not every node could be read, every row that the group wants
    /// now.
    /// - Returns: the rows that are in the way.
    /// - Throws: 409 for these, unless they are adopted or this is a dry run.
    private func ownership(
        of wanted: inout GroupRecord, in scene: Scene, _ terms: Terms
    ) async throws(APIError) -> [NodeSurvey.Finding] {
        guard wanted.removal == nil else { return [] }
        let names = wanted.configuration.rowNames
        let places = wanted.configuration
        wanted.configuration.adoption?.trim(to: places)
        let before = terms.adopts ? nil : scene.current?.configuration
        guard before == nil || !Set(names).isSubset(of: before?.rowNames ?? []) else { return [] }
        var nodes = scene.nodes
        if scene.current != nil, let survey { nodes = await survey.survey(isFresh: terms.adopts) }
        let found: [NodeSurvey.Finding]
        do throws(AdminError) {
            found = try nodes.findings(
                for: wanted.configuration, before: before, besides: Set(scene.others.map(\.name.text)))
        } catch {
            throw APIError(status: 422, message: error.message)
        }
        if terms.adopts {
            let isBlind = nodes.nodes.isEmpty || !nodes.silent.isEmpty
            let rows = found.map(\.found.row) + (isBlind ? names : [])
            if !rows.isEmpty { wanted.configuration.adopt(rows) }
        } else if !found.isEmpty, !terms.isDryRun {
            throw APIError(found, of: wanted.name)
        }
        return found
    }

    /// - Returns: false when somebody was faster.
    private func save(
        _ outcome: Outcome, _ version: Int64?, _ terms: Terms, _ now: Timestamp
    ) async throws(APIError) -> Bool {
        let note = ChangeNote(at: now, actor: terms.caller.name, source: terms.source, action: terms.action)
        do throws(StoreError) {
            if let version {
                try await store.save(outcome.after, ifVersion: version, note: note)
            } else {
                try await store.insert(outcome.after, note: note)
            }
            return true
        } catch .conflict {
            return false
        } catch {
            throw APIError(error)
        }
    }
}
