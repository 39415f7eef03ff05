package import Logging
import ServiceLifecycle
import Synchronization

/// Keeps a selection of objects current by listing once and watching from then on, and tells of every change.
///
/// ```swift
/// let pods = Reflector(client, Pod.self, where: Selection(labels: "app=proxysql"), logger: logger)
/// group.addTask { try await pods.run() }              // or as a service of a ServiceGroup
/// for await batch in pods.changes() where batch.isSynced {
///     let running = pods.cache.sorted.filter(\.isRunning)
/// }
/// ```
///
/// Watches resume from the last version seen, bookmarks included; a version that the server forgot (410) is followed by
/// a new list, whose difference is told as changes. Failures are waited out with backoff and jitter; meanwhile the cache
/// keeps its last state and says so (`failure`). Memory is what the selection decodes to, and a page of a list.
package final class Reflector<Resource: KubernetesResource>: Service {
    /// How the reflector lists and watches.
    package struct Options: Sendable {
        /// Objects a page.
        package var pageSize: Int
        /// A watch lasts between this and twice as long.
        package var watchLifetime: Duration
        /// The waits after failures.
        package var backoff: Backoff

        /// By default what client-go does: pages of 500, 5 to 10 minutes, 0.8 s to 30 s.
        package init(
            pageSize: Int = 500, watchLifetime: Duration = .seconds(300), backoff: Backoff = .relist
        ) {
            self.pageSize = pageSize
            self.watchLifetime = watchLifetime
            self.backoff = backoff
        }
    }

    private struct State {
        var cache = ResourceCache<Resource>()
        var isSynced = false
        var failure: KubernetesError?
        var lists = 0
        var isProgressing = false
        var subscriptions: [WeakSubscription] = []
    }

    private struct WeakSubscription: Sendable {
        weak let subscription: Subscription<Resource>?
    }

    private let client: KubernetesClient
    private let scope: NamespaceScope
    private let selection: Selection
    private let options: Options
    private let logger: Logger
    private let state = Mutex(State())

    /// Makes a reflector; nothing is read before `run()`.
    package init(
        _ client: KubernetesClient, _ type: Resource.Type = Resource.self, in scope: NamespaceScope = .own,
        where selection: Selection = .all, options: Options = Options(), logger: Logger
    ) {
        self.client = client
        self.scope = scope
        self.selection = selection
        self.options = options
        self.logger = logger
    }

    /// The objects now, consistent as of one version.
    package var cache: ResourceCache<Resource> { state.withLock { $0.cache } }
    /// Whether everything has been listed at least once.
    package var isSynced: Bool { state.withLock { $0.isSynced } }
    /// What keeps the cache from being current; `nil` while it is.
    package var failure: KubernetesError? { state.withLock { $0.failure } }
    /// How often everything was listed.
    package var listCount: Int { state.withLock { $0.lists } }

    /// The changes from now on, for one reader; the first batch has everything that is there.
    package func changes() -> Changes<Resource> {
        let subscription = Subscription<Resource>()
        state.withLock { state in
            state.subscriptions.removeAll { $0.subscription == nil }
            state.subscriptions.append(WeakSubscription(subscription: subscription))
            subscription.publish(
                state.cache.sorted.map { .added($0) }, isSynced: state.isSynced, failure: state.failure)
        }
        return Changes(subscription: subscription)
    }

    /// Waits until everything has been listed.
    /// - Throws: after `timeout` what kept it from that, or `cancelled`.
    package func waitUntilSynced(timeout: Duration) async throws(KubernetesError) {
        let attempt = "list \(Resource.kind.plural)"
        do throws(KubernetesError) {
            try await Deadline.run(timeout, clock: client.clock, attempt: attempt) { [self] in
                for await batch in changes() where batch.isSynced { return }
                throw CancellationError()
            }
        } catch {
            throw error.code == .timeout ? failure ?? error : error
        }
    }

    /// Lists and watches until graceful shutdown or cancellation.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.loop() }
    }

    private func loop() async {
        var backoff = options.backoff
        while !Task.isCancelled {
            var waits = true
            do throws(KubernetesError) {
                try await step()
                waits = !state.withLock { $0.isProgressing }
            } catch {
                guard error.code != .cancelled else { return }
                waits = !note(error)
            }
            guard waits else {
                backoff.reset()
                continue
            }
            let wait = max(backoff.next(random: .random(in: 0..<1)), failure?.retryAfter ?? .zero)
            do {
                try await client.clock.sleep(for: wait)
            } catch {
                return
            }
        }
    }

    /// Lists if there is no version to watch from, then watches once.
    private func step() async throws(KubernetesError) {
        state.withLock { $0.isProgressing = false }
        if cache.resourceVersion == nil {
            let list = try await client.list(Resource.self, in: scope, where: selection, pageSize: options.pageSize)
            publish { state in
                state.isSynced = true
                state.failure = nil
                state.lists += 1
                return state.cache.replace(list)
            }
        }
        let lifetime = options.watchLifetime * (1 + Double.random(in: 0..<1))
        try await client.watch(
            Resource.self, in: scope, where: selection, from: cache.resourceVersion, lifetime: lifetime
        ) { [self] events in
            publish { state in
                state.failure = nil
                return []
            }
            for try await event in events {
                publish { state in
                    state.isProgressing = true
                    return state.cache.apply(event).map { [$0] } ?? []
                }
            }
        }
    }

    /// Records a failure; true when the next step may follow at once: a version that was good for a while and became
    /// too old, or a watch that broke after it had told something.
    private func note(_ error: KubernetesError) -> Bool {
        let isProgressing = state.withLock { $0.isProgressing }
        if error.isGone || error.code == .unreadable || error.code == .invalid {
            state.withLock { $0.cache.forgetVersion() }
        }
        if error.isGone, isProgressing { return true }
        publish { state in
            state.failure = error
            return []
        }
        logger.notice(
            "Objects cannot be followed; their last known state is kept",
            metadata: ["kubernetes.resource": "\(Resource.kind.plural)", "error": "\(error)"])
        return false
    }

    private func publish(_ change: (inout State) -> [ResourceChange<Resource>]) {
        state.withLock { state in
            let changes = change(&state)
            for subscription in state.subscriptions {
                subscription.subscription?.publish(changes, isSynced: state.isSynced, failure: state.failure)
            }
        }
    }
}
