import JSONValues
import KubernetesClient
import Logging
import NIOHTTP1
import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a kubelet does, as far as a story needs it: starts a node and an agent for every pod that is bound to it, says
/// in the pod's status how they are, and ends them when the pod's deletion is asked for.
final class PodRunner: Sendable {
    /// The node to which pods are bound.
    static let nodeName = "drover-sandbox"
    /// The annotation with the name of the ConfigMap that a pod mounts.
    static let configMapAnnotation = "drover.sandbox/config-map"
    private static let probeInterval: Duration = .milliseconds(100)

    /// A node whose agent says for so long that it is not live is restarted, as by a liveness probe.
    private static let livenessPatience: Duration = .seconds(8)

    private struct State {
        var pods: [String: PodProcess] = [:]
        /// The last part of the addresses that are in use.
        var addresses: Set<Int> = []
    }

    private let client: KubernetesClient
    private let around: PodProcess.Surroundings
    private let block: LoopbackBlock
    /// The pods, as the API server has them.
    let pods: Reflector<Pod>
    private let state = Mutex(State())

    init(_ client: KubernetesClient, _ around: PodProcess.Surroundings, _ block: LoopbackBlock) {
        self.client = client
        self.around = around
        self.block = block
        pods = Reflector(
            client, Pod.self, where: Selection(fields: "spec.nodeName=\(Self.nodeName)"),
            options: .init(backoff: .init(first: .milliseconds(200), limit: .seconds(2))), logger: around.logger)
    }

    /// What runs now, by pod name.
    var running: [String: PodProcess] {
        state.withLock { state in
            Dictionary(state.pods.values.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        }
    }

    /// The addresses of ready pods of a role.
    func readyAddresses(_ role: String) -> [String] {
        pods.cache.sorted.filter { $0.isRunning && $0.isReady && $0.metadata.labels?["component"] == role }
            .compactMap(\.address)
    }

    /// Runs pods until cancellation, and ends them then.
    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await self.pods.run() }
            var known: Set<String> = []
            for await batch in pods.changes() {
                for change in batch.changes {
                    let pod = change.resource
                    guard let uid = pod.metadata.uid else { continue }
                    if change.current == nil || pod.metadata.isTerminating {
                        state.withLock { $0.pods[uid] }?.termination.wake()
                    }
                    if change.current != nil, known.insert(uid).inserted {
                        tasks.addTask { await self.runPod(pod, uid) }
                    }
                }
            }
            tasks.cancelAll()
        }
    }

    // MARK: One pod

    private func runPod(_ pod: Pod, _ uid: String) async {
        let role = pod.metadata.labels?["component"] == "core" ? "core" : "satellite"
        let last = allocate(role)
        defer { state.withLock { _ = $0.addresses.remove(last) } }
        do {
            if !pod.metadata.isTerminating {
                let name = pod.metadata.annotations?[Self.configMapAnnotation] ?? "proxysql"
                let file = try await client.get(ConfigMap.self, name)
                let process = try await PodProcess.make(
                    pod, role: role, host: block.address(last), file: file, around)
                state.withLock { $0.pods[uid] = process }
                defer { state.withLock { $0.pods[uid] = nil } }
                // It may have been deleted before there was anything to wake.
                if pods.cache.objects[pod.key]?.metadata.isTerminating ?? false { process.termination.wake() }
                await run(process, grace: .seconds(pod.metadata.deletionGracePeriodSeconds ?? 60))
            }
            guard !Task.isCancelled else { return }
            try await client.delete(Pod.self, pod.metadata.name, uid: uid, gracePeriodSeconds: 0)
        } catch let error as KubernetesError where error.isNotFound || error.isConflict {
            return
        } catch {
            around.logger.error("a pod cannot be run", metadata: ["pod": "\(pod.metadata.name)", "error": "\(error)"])
        }
    }

    private func run(_ process: PodProcess, grace: Duration) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await process.run() }
            tasks.addTask { await self.keepStatus(process) }
            await process.termination.wait(upTo: .seconds(86_400), clock: around.clock)
            await process.end(grace: grace)
            tasks.cancelAll()
        }
    }

    /// Cores begin at .1, satellites at .50; an address that became free is taken again.
    private func allocate(_ role: String) -> Int {
        state.withLock { state in
            let range = role == "core" ? 1...49 : 50...99
            let last = range.first { !state.addresses.contains($0) } ?? range.upperBound
            state.addresses.insert(last)
            return last
        }
    }

    /// Asks the startup probe until it passes and the readiness probe from then on, and tells the API server when the
    /// answer changed; restarts the node when the liveness probe fails for long.
    private func keepStatus(_ process: PodProcess) async {
        let http = JSONClient(clock: around.clock)
        let stopwatch = Stopwatch(around.clock)
        var told: Bool?
        var hasStarted = false
        var deadSince: Duration?
        while !Task.isCancelled {
            let isDead = try? await http.exchange(.GET, "\(process.agentURL)/healthz/live").0 != 200
            deadSince = isDead == true ? deadSince ?? stopwatch.elapsed : nil
            if let since = deadSince, stopwatch.elapsed - since > Self.livenessPatience {
                around.logger.notice("a node is not live and is restarted", metadata: ["pod": "\(process.name)"])
                await process.node.kill()
                try? await process.node.restart()
                (hasStarted, deadSince) = (false, nil)
            }
            let probe = hasStarted ? "ready" : "started"
            let passes = try? await http.exchange(.GET, "\(process.agentURL)/healthz/\(probe)").0 == 200
            let isReady = hasStarted && passes == true
            if !hasStarted, passes == true {
                hasStarted = true
                continue
            }
            if isReady != told, (try? await tell(process, isReady)) != nil { told = isReady }
            try? await around.clock.sleep(for: Self.probeInterval)
        }
    }

    private func tell(_ process: PodProcess, _ isReady: Bool) async throws(KubernetesError) {
        let status: JSONValue = [
            "phase": "Running", "podIP": .string(process.host), "podIPs": [["ip": .string(process.host)]],
            "hostIP": "127.0.0.1",
            "conditions": [
                [
                    "type": "Ready", "status": isReady ? "True" : "False",
                    "lastTransitionTime": .string(MicroTime.wholeSeconds(around.wallClock.now())),
                ]
            ],
        ]
        try await client.patch(Pod.self, process.name, ["status": status], subresource: .status)
    }
}
