import FleetModel
import HTTPServing
import Hummingbird
import HummingbirdCore
import KubernetesClient
package import Logging
import NIOCore
package import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A Kubernetes API server on loopback, for pods, secrets, configmaps, workloads, leases, events and what belongs to
/// them: versions, selectors, pages, watches with bookmarks, 409 and 410, merge patches and server-side apply, and
/// rights by bearer token. It answers as kube-apiserver 1.20 was recorded to, over plain HTTP, and says in its `Server`
/// header what it is. Nothing happens by itself: no controller runs here.
package final class FakeKubernetes: Sendable {
    /// How the stand-in behaves.
    package struct Configuration: Sendable {
        /// Who may call it.
        package var accounts: [Account]
        /// As whom calls without a token are made, as kubectl makes them over plain HTTP; nobody when nil.
        package var anonymous: Account?
        /// How often a watch that something happened on gets a bookmark; the real server's is a minute.
        package var bookmarkInterval: Duration
        /// How long a watch lasts that does not say it.
        package var watchLifetime: Duration

        /// By default one administrator with the token `admin`, bookmarks after a minute, watches of half an hour.
        package init(
            accounts: [Account] = [.administrator(token: "admin")], bookmarkInterval: Duration = .seconds(60),
            watchLifetime: Duration = .seconds(1_800)
        ) {
            self.accounts = accounts
            self.bookmarkInterval = bookmarkInterval
            self.watchLifetime = watchLifetime
        }
    }

    /// One call that was made.
    package struct CallRecord: Hashable, Sendable {
        /// As whom.
        package var user: String
        /// `get`, `list`, `watch`, …
        package var verb: String
        /// Plural name with the subresource.
        package var resource: String
        /// The object's name.
        package var name: String?
    }

    struct State {
        var store: KubernetesStore
        var accounts: [Account]
        var faults: [KubernetesFault] = []
        var calls: [CallRecord] = []
        var watchers: [Int: Wakeup] = [:]
        var nextWatcher = 0
        /// Counts the times that all watches were ended.
        var watchEpoch = 0
    }

    let configuration: Configuration
    let wallClock: any WallClock
    let clock: any Clock<Duration>
    private let state: Mutex<State>

    /// Makes a server without objects, but for the namespaces `default` and `kube-system`; `application` serves it.
    package init(
        _ configuration: Configuration = Configuration(), wallClock: any WallClock = SystemWallClock(),
        clock: any Clock<Duration>
    ) {
        self.configuration = configuration
        self.wallClock = wallClock
        self.clock = clock
        state = Mutex(
            State(
                store: KubernetesStore(at: MicroTime.wholeSeconds(wallClock.now())),
                accounts: configuration.accounts))
    }

    /// Serves on an address until it is cancelled; port 0 takes a free one, and `onReady` is told which.
    package func run(
        host: String, port: Int, logger: Logger, onReady: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { [self] request, _ in await respond(to: request) },
            server: .cancellable,
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { onReady($0.localAddress?.port ?? 0) }, logger: logger)
        try await application.run()
    }

    // MARK: Control

    /// Adds a fault; the oldest that applies to a call happens first.
    package func inject(_ fault: KubernetesFault) {
        state.withLock { $0.faults.append(fault) }
    }

    /// Removes every fault.
    package func clearFaults() {
        state.withLock { $0.faults = [] }
    }

    /// The faults that have not happened often enough yet.
    package var faults: [KubernetesFault] { state.withLock { $0.faults } }

    /// The calls so far, at most the last 10,000.
    package var calls: [CallRecord] { state.withLock { $0.calls } }

    /// How many watches are open.
    package var watchCount: Int { state.withLock { $0.watchers.count } }

    /// Gives an account other rights, or makes it.
    package func setAccount(_ account: Account) {
        state.withLock { state in
            state.accounts.removeAll { $0.token == account.token }
            state.accounts.append(account)
        }
    }

    /// Makes a token worth nothing.
    package func revoke(token: String) {
        state.withLock { state in state.accounts.removeAll { $0.token == token } }
    }

    /// Forgets every older version and ends every watch, as a restart over a compacted etcd does.
    package func compact() {
        state.withLock { $0.store.compact() }
        endWatches()
    }

    /// Ends every watch at once, as a restarted server or load balancer does.
    package func endWatches() {
        let watchers = state.withLock { state in
            state.watchEpoch += 1
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.wake() }
    }

    // MARK: State

    func read<Value>(_ body: (borrowing State) -> Value) -> Value {
        state.withLock { body($0) }
    }

    /// Changes the store and tells the watches.
    @discardableResult
    func change<Value: Sendable>(_ body: (inout KubernetesStore) throws(Refusal) -> Value) throws(Refusal) -> Value {
        let (result, watchers) = state.withLock { state -> (Result<Value, Refusal>, [Wakeup]) in
            let before = state.store.version
            let result: Result<Value, Refusal>
            do throws(Refusal) {
                result = .success(try body(&state.store))
            } catch {
                result = .failure(error)
            }
            return (result, state.store.version == before ? [] : Array(state.watchers.values))
        }
        for watcher in watchers { watcher.wake() }
        return try result.get()
    }

    func addWatcher(_ wakeup: Wakeup) -> (id: Int, epoch: Int) {
        state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = wakeup
            return (state.nextWatcher, state.watchEpoch)
        }
    }

    func removeWatcher(_ id: Int) {
        state.withLock { $0.watchers[id] = nil }
    }

    func takeFault(_ access: AccessRequest, _ user: String) -> KubernetesFault? {
        state.withLock { state in
            state.calls.append(
                CallRecord(user: user, verb: access.verb, resource: access.resource, name: access.name))
            if state.calls.count > 10_000 { state.calls.removeFirst(1_000) }
            guard let index = state.faults.firstIndex(where: { $0.applies(to: access, by: user) }) else { return nil }
            let fault = state.faults[index]
            let times = fault.times ?? 1
            if times == 1 { state.faults.remove(at: index) } else if times > 1 { state.faults[index].times = times - 1 }
            return fault
        }
    }

    var now: String { MicroTime.wholeSeconds(wallClock.now()) }

    func time(after seconds: Int64) -> String {
        MicroTime.wholeSeconds(wallClock.now().advanced(by: .seconds(seconds)))
    }
}
