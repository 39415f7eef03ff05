import FleetModel
import JSONValues
import Logging
import Synchronization
import Testing

@testable import KubernetesClient

/// How many lead now.
private final class Leading: Sendable {
    private let count = Mutex(0)

    func enter() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}

extension Contract {
    static let quiet: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    /// The names of the next events, as `+a` for added, `~a` for modified and `-a` for deleted; bookmarks are passed.
    private static func marks(_ events: WatchEvents<Pod>, _ count: Int) async throws -> [String] {
        var marks: [String] = []
        for try await event in events {
            switch event {
            case .added(let pod): marks.append("+\(pod.metadata.name)")
            case .modified(let pod): marks.append("~\(pod.metadata.name)")
            case .deleted(let pod): marks.append("-\(pod.metadata.name)")
            case .bookmark: continue
            }
            if marks.count == count { break }
        }
        return marks
    }

    static func checkWatches(_ server: ServerUnderTest) async throws {
        let client = server.client
        try await client.create(Pod.self, pod("before", labels: ["app": "proxysql"]))
        let start = try await client.list(Pod.self).resourceVersion
        try await client.create(Pod.self, pod("a", labels: ["app": "proxysql"]))
        try await client.create(Pod.self, pod("b", labels: ["app": "web"]))
        try await client.patch(Pod.self, "a", running("127.0.0.8"), subresource: .status)
        try await client.patch(Pod.self, "a", ["metadata": ["labels": ["app": "other"]]])
        try await client.patch(Pod.self, "b", ["metadata": ["labels": ["app": "proxysql"]]])
        let selection = Selection(labels: "app=proxysql")
        let told = try await client.watch(Pod.self, where: selection, from: start) { try await marks($0, 4) }
        #expect(told == ["+a", "~a", "-a", "+b"])
        let synthetic = try await client.watch(Pod.self, where: selection) { try await marks($0, 2) }
        #expect(synthetic.sorted() == ["+b", "+before"])
        // Events that come while the watch is open.
        let live = try await client.watch(Pod.self, where: .name("late")) { events in
            try await client.create(Pod.self, pod("late"))
            try await client.delete(Pod.self, "late", gracePeriodSeconds: 0)
            return try await marks(events, 3)
        }
        #expect(live.first == "+late")
        #expect(live.last == "-late")
        // The server ends a watch when it was asked to, with a bookmark at the end.
        let ended = try await client.watch(Pod.self, from: start, lifetime: .seconds(1)) { events in
            try await marks(events, .max)
        }
        #expect(ended.prefix(2) == ["+a", "+b"])
    }

    static func checkCompaction(_ server: ServerUnderTest) async throws {
        guard let compact = server.compact else { return }
        let client = server.client
        for number in 1...5 { try await client.create(ConfigMap(name: "c-\(number)", data: [:])) }
        let old = try await client.page(ConfigMap.self, limit: 2)
        try await client.patch(ConfigMap.self, "c-1", ["data": ["a": "b"]])
        try await compact()
        let watch = await failure { () throws(KubernetesError) in
            try await client.watch(ConfigMap.self, from: old.resourceVersion) { events in
                for try await _ in events {}
                return 0
            }
        }
        #expect(watch?.isGone == true)
        #expect(watch?.reason == "Expired")
        let page = await failure { () throws(KubernetesError) in
            try await client.page(ConfigMap.self, limit: 2, after: old.continueToken)
        }
        #expect(page?.status == 410)
        let rest = try await client.page(ConfigMap.self, limit: 10, after: page?.continueToken)
        #expect(rest.items.map(\.metadata.name) == ["c-3", "c-4", "c-5"])
    }

    static func checkGracefulDeletion(_ server: ServerUnderTest) async throws {
        guard server.isAlone else { return }
        let client = server.client
        try await client.create(Pod.self, pod("p", node: "node-1"))
        try await client.patch(Pod.self, "p", running("127.0.0.8"), subresource: .status)
        try await client.delete(Pod.self, "p", gracePeriodSeconds: 60)
        let leaving = try await client.get(Pod.self, "p")
        #expect(leaving.metadata.isTerminating)
        #expect(leaving.metadata.deletionGracePeriodSeconds == 60)
        #expect(leaving.status?.phase == "Running")
        #expect(!leaving.isRunning)
        try await client.delete(Pod.self, "p", gracePeriodSeconds: 0)
        let gone = await failure { () throws(KubernetesError) in try await client.get(Pod.self, "p") }
        #expect(gone?.code == .notFound)
    }

    // MARK: Reflector

    /// Runs a reflector of the pods of `app=proxysql` and hands it to `body`.
    static func withReflector(
        _ client: KubernetesClient, _ options: Reflector<Pod>.Options = .init(pageSize: 2),
        _ body: @Sendable (Reflector<Pod>) async throws -> Void
    ) async throws {
        let reflector = Reflector(
            client, Pod.self, where: Selection(labels: "app=proxysql"), options: options, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await reflector.run() }
            defer { tasks.cancelAll() }
            try await body(reflector)
        }
    }

    /// Reads changes until the reflector's pods are `names`.
    static func follow(_ reflector: Reflector<Pod>, until names: [String]) async {
        for await batch in reflector.changes() where batch.isSynced {
            if reflector.cache.sorted.map(\.metadata.name) == names { return }
        }
    }

    static func checkReflector(_ server: ServerUnderTest) async throws {
        let client = server.client
        for name in ["a", "b", "c"] { try await client.create(Pod.self, pod(name, labels: ["app": "proxysql"])) }
        try await withReflector(client) { reflector in
            try await reflector.waitUntilSynced(timeout: .seconds(30))
            #expect(reflector.cache.sorted.map(\.metadata.name) == ["a", "b", "c"])
            try await client.create(Pod.self, pod("d", labels: ["app": "proxysql"]))
            try await client.create(Pod.self, pod("e", labels: ["app": "web"]))
            try await client.delete(Pod.self, "a", gracePeriodSeconds: 0)
            try await client.patch(Pod.self, "b", ["metadata": ["labels": ["app": .null]]])
            await follow(reflector, until: ["c", "d"])
            try await client.patch(Pod.self, "c", running("127.0.0.8"), subresource: .status)
            for await _ in reflector.changes() where reflector.cache.sorted.first?.isReady == true { break }
            #expect(reflector.listCount == 1)
            #expect(reflector.failure == nil)
        }
    }

    /// After 410 everything is listed again, and the difference is told as changes.
    static func checkRelist(_ server: ServerUnderTest) async throws {
        guard let compact = server.compact else { return }
        let client = server.client
        for name in ["a", "b"] { try await client.create(Pod.self, pod(name, labels: ["app": "proxysql"])) }
        try await withReflector(client, .init(backoff: .init(first: .milliseconds(50), limit: .seconds(1)))) {
            reflector in
            try await reflector.waitUntilSynced(timeout: .seconds(30))
            try await compact()
            try await client.delete(Pod.self, "a", gracePeriodSeconds: 0)
            try await client.create(Pod.self, pod("c", labels: ["app": "proxysql"]))
            await follow(reflector, until: ["b", "c"])
            #expect(reflector.isSynced)
        }
    }

    // MARK: Election

    /// Two candidates: one leads, and when it stops the other does, in the next term, without waiting for the lease to
    /// run out.
    static func checkElection(_ server: ServerUnderTest) async throws {
        let timing = try LeaderTiming(
            leaseDuration: .seconds(60), renewDeadline: .seconds(40), retryPeriod: .milliseconds(50))
        let leading = Leading()
        let (terms, told) = AsyncStream<(String, Int)>.makeStream()
        let electors = ["a", "b"].map { name in
            LeaderElector(server.client, lease: "core", identity: name, timing: timing, logger: quiet)
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for elector in electors {
                tasks.addTask {
                    await elector.run { leadership in
                        #expect(leading.enter() == 1, "two lead")
                        told.yield((elector.identity, leadership.term))
                        try? await ContinuousClock().sleep(for: .seconds(3_600))
                        leading.leave()
                    }
                }
            }
            var iterator = terms.makeAsyncIterator()
            let first = try #require(await iterator.next())
            electors.first { $0.identity == first.0 }?.stop()
            let second = try #require(await iterator.next())
            #expect(second.0 != first.0)
            #expect(second.1 > first.1)
            let lease = try await server.client.get(Lease.self, "core")
            #expect(lease.spec?.holderIdentity == second.0)
            #expect(lease.spec?.leaseDurationSeconds == 60)
            electors.first { $0.identity == second.0 }?.stop()
            try await tasks.waitForAll()
            let free = try await server.client.get(Lease.self, "core")
            #expect(free.spec?.holderIdentity ?? "" == "")
        }
    }
}
