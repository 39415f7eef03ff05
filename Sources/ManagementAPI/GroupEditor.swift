import FleetModel
import Pacing
import ProxySQLAdmin

/// Changes groups: one at a time, checked against all the others, durable together with who made the change.
struct GroupEditor: Sendable {
    let store: any ChangeStore
    let wallClock: any WallClock
    /// Whether all groups live on the same ProxySQL nodes, so that user names must be unique among them.
    let groupsShareNodes: Bool
    /// Two changes that each look for a free place must not find the same one.
    private let turn = Turn()

    init(store: any ChangeStore, wallClock: any WallClock, groupsShareNodes: Bool) {
        self.store = store
        self.wallClock = wallClock
        self.groupsShareNodes = groupsShareNodes
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
    }

    /// What a change came to.
    struct Outcome: Sendable {
        /// The group before; nil for a new one.
        var before: GroupRecord?
        var after: GroupRecord
        /// The stored version afterwards.
        var version: Int64
        var hasChanged: Bool
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
    }

    /// Decides by `body` what the group should be, and saves it unless it is that already.
    /// - Throws: `APIError`; nothing was changed then.
    func change(
        _ name: InstanceName, _ terms: Terms, _ body: (Scene) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Outcome {
        await turn.take()
        defer { turn.give() }
        for _ in 0..<8 {
            if let outcome = try await attempt(name, terms, body) { return outcome }
            // The scaler saved the group in between: decide again on what it is now.
        }
        throw .conflict("\(name) is being changed by the scaler at every moment; try again")
    }

    private func attempt(
        _ name: InstanceName, _ terms: Terms, _ body: (Scene) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Outcome? {
        let all: [Versioned<GroupRecord>]
        var firstGeneration: Int64 = 1
        do throws(StoreError) {
            all = try await store.groups()
            if !all.contains(where: { $0.document.name == name }) {
                let last = try await store.history(of: name, before: nil, limit: 1).first
                firstGeneration = (last?.generation ?? 0) + 1
            }
        } catch {
            throw APIError(error)
        }
        let stored = all.first { $0.document.name == name }
        if let precondition = terms.precondition {
            try precondition.check(stored.map { EntityTag($0.document, $0.version) }, name)
        }
        let scene = Scene(
            current: stored?.document, others: all.map(\.document).filter { $0.name != name }, now: wallClock.now(),
            firstGeneration: firstGeneration)
        var wanted = try body(scene)
        if let refusal = APIError(
            GroupValidation.problems(of: wanted, beside: scene.others, usersAreShared: groupsShareNodes))
        {
            throw refusal
        }
        guard wanted != stored?.document else {
            return Outcome(
                before: stored?.document, after: wanted, version: stored?.version ?? 0, hasChanged: false)
        }
        wanted.configuration.generation = (stored?.document.configuration.generation).map { $0 + 1 } ?? firstGeneration
        let outcome = Outcome(
            before: stored?.document, after: wanted, version: (stored?.version ?? 0) + 1, hasChanged: true)
        guard !terms.isDryRun else { return outcome }
        return try await save(outcome, stored?.version, terms, scene.now) ? outcome : nil
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
