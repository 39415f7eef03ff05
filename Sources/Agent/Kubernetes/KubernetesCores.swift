import FleetModel
package import KubernetesClient
package import Logging
package import Pacing
import ServiceLifecycle
import Synchronization

/// The running cores, as their pods show them.
///
/// What is not allowed is said once: without rights on ReplicaSets and ControllerRevisions the order of configurations
/// is guessed from the age of the pods of each template.
package final class KubernetesCores: CoreDirectory, Service {
    /// Where the pods are and how nodes are reached there.
    package struct Place: Hashable, Sendable {
        /// Their namespace.
        package var namespace: String
        /// Their label `app`.
        package var app: String
        /// The cores' label `component`.
        package var component: String
        /// The admin port of every node.
        package var adminPort: Int
        /// The HTTP port of every agent.
        package var apiPort: Int

        /// Makes a place.
        package init(namespace: String, app: String, component: String, adminPort: Int, apiPort: Int) {
            self.namespace = namespace
            self.app = app
            self.component = component
            self.adminPort = adminPort
            self.apiPort = apiPort
        }
    }

    private struct Template: Hashable {
        var kind: String
        var owner: String
        var hash: String
    }

    private struct Entry {
        var member: CoreMember
        var template: Template?
    }

    private struct State {
        var entries: [ObjectKey: Entry] = [:]
        var isSynced = false
        /// Made from the entries when it is asked for, by name.
        var members: [CoreMember]?
        /// Whether revisions tell the order of `members`; else ages do.
        var usesRevisions = false
        /// The templates of which that was found.
        var templates: Set<Template> = []
        var seen: [String: Int64] = [:]
        var revisions: [Template: Int64] = [:]
        var mayReadRevisions = true
    }

    private let client: KubernetesClient
    private let place: Place
    private let reflector: Reflector<Pod>
    private let change: Wakeup
    private let logger: Logger
    private let state = Mutex(State())

    /// Follows the pods with `client` while `run()` runs; wakes `change` whenever they changed.
    package init(_ client: KubernetesClient, place: Place, change: Wakeup, logger: Logger) {
        self.client = client.with(.init(timeout: .seconds(3), attempts: 1))
        self.place = place
        self.change = change
        self.logger = logger
        reflector = Reflector(
            client, Pod.self, in: .named(place.namespace),
            where: .labels(["app": place.app, "component": place.component]), logger: logger)
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await self.reflector.run() }
            for await batch in reflector.changes() { take(batch) }
            tasks.cancelAll()
        }
    }

    private func take(_ batch: ChangeBatch<Pod>) {
        let isNews = state.withLock { state in
            var isNews = state.isSynced != batch.isSynced
            state.isSynced = batch.isSynced
            for change in batch.changes {
                isNews = take(change, &state) || isNews
            }
            return isNews
        }
        if isNews { change.wake() }
        if let failure = batch.failure, failure.isForbidden {
            logger.error(
                "pods cannot be followed: the agent needs get, list and watch on them",
                metadata: [
                    "error": "\(failure)"
                ])
        }
    }

    /// Whether the members are others for it. Those that are known are changed in their place: making thousands anew for
    /// each of their pods would take longer than all that follows.
    private func take(_ change: ResourceChange<Pod>, _ state: inout State) -> Bool {
        let seen = state.seen
        let now: Entry? = if let pod = change.current { entry(of: pod, &state.seen) } else { nil }
        let before = state.entries.removeValue(forKey: change.resource.key)
        state.entries[change.resource.key] = now
        // An age that is known better changes the order of others too; a template that is new, by what all are ordered.
        let isNewOrder = state.seen != seen || now?.template.map { !state.templates.contains($0) } ?? false
        guard before?.member != now?.member || before?.template != now?.template || isNewOrder else { return false }
        guard !isNewOrder, state.members != nil else {
            state.members = nil
            return true
        }
        let index = state.members.map { Self.position(of: change.resource.metadata.name, in: $0) } ?? 0
        if before != nil { state.members?.remove(at: index) }
        if let now {
            let member = ordered(now, state)
            state.members?.insert(member, at: index)
        }
        return true
    }

    /// Where a member of that name stands, or would.
    private static func position(of name: String, in members: [CoreMember]) -> Int {
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            if members[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// A pod that runs and has an address; one that is ending is not waited for.
    private func entry(of pod: Pod, _ seen: inout [String: Int64]) -> Entry? {
        let labels = pod.metadata.labels ?? [:]
        var template: Template?
        if let hash = labels["pod-template-hash"] ?? labels["controller-revision-hash"] {
            template = Template(
                kind: pod.metadata.controller?.kind ?? "", owner: pod.metadata.controller?.name ?? "", hash: hash)
            if let created = pod.metadata.creationTimestamp.flatMap({ Timestamp(rfc3339: $0) }) {
                seen[hash] = min(seen[hash] ?? .max, created.millisecondsSinceEpoch)
            }
        }
        guard pod.isRunning, let address = pod.address else { return nil }
        return Entry(
            member: CoreMember(
                name: pod.metadata.name, host: address, adminPort: place.adminPort, apiPort: place.apiPort,
                isReady: pod.isReady),
            template: template)
    }

    package var members: [CoreMember]? {
        state.withLock { state in
            guard state.isSynced else { return nil }
            if let members = state.members { return members }
            // Ages and revisions are never mixed: they cannot be compared.
            let templates = Set(state.entries.values.compactMap(\.template))
            let hasRevisions = state.mayReadRevisions && templates.allSatisfy { state.revisions[$0] != nil }
            state.usesRevisions = hasRevisions
            state.templates = templates
            let members = state.entries.values.map { ordered($0, state) }.sorted { $0.name < $1.name }
            state.members = members
            return members
        }
    }

    private func ordered(_ entry: Entry, _ state: State) -> CoreMember {
        var member = entry.member
        member.order = entry.template.flatMap { template in
            state.usesRevisions
                ? state.revisions[template].map { ConfigurationOrder(.revision, $0) }
                : state.seen[template.hash].map { ConfigurationOrder(.age, $0, name: template.hash) }
        }
        return member
    }

    package var seen: [String: Int64] { state.withLock { $0.seen } }

    package func learn(_ seen: [String: Int64]) {
        state.withLock { state in
            for (hash, created) in seen where created < state.seen[hash] ?? .max {
                state.seen[hash] = created
                state.members = nil
            }
        }
    }

    /// Reads the revisions of the templates that run; a rollback gives an old template a new one.
    package func refresh() async {
        let (templates, mayRead) = state.withLock {
            (Set($0.entries.values.compactMap(\.template)), $0.mayReadRevisions)
        }
        guard mayRead else { return }
        for template in templates where !template.owner.isEmpty {
            do throws(KubernetesError) {
                let revision = try await revision(of: template)
                state.withLock { state in
                    if state.revisions[template] != revision { state.members = nil }
                    state.revisions[template] = revision
                }
            } catch {
                guard error.isForbidden else { continue }
                state.withLock { state in
                    state.mayReadRevisions = false
                    state.members = nil
                }
                logger.notice(
                    """
                    revisions cannot be read, so the age of pods tells which configuration is the newer one: a rollback \
                    to an earlier template keeps the later configuration until a generation is stated
                    """, metadata: ["needs": "get on replicasets and controllerrevisions", "error": "\(error)"])
                return
            }
        }
    }

    private func revision(of template: Template) async throws(KubernetesError) -> Int64? {
        switch template.kind {
        case "ReplicaSet":
            return try await client.get(ReplicaSet.self, template.owner, in: place.namespace).revision
        case "StatefulSet":
            return try await client.get(ControllerRevision.self, template.hash, in: place.namespace).revision
        default: return nil
        }
    }
}
