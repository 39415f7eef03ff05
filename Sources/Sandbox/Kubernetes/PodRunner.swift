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
    private static let retry: Duration = .milliseconds(100)

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
                let spec = try await client.get(DeclaredPod.self, pod.metadata.name).spec ?? [:]
                let process = try await PodProcess.make(
                    pod, role: role, host: block.address(last), file: file, around)
                state.withLock { $0.pods[uid] = process }
                defer { state.withLock { $0.pods[uid] = nil } }
                // It may have been deleted before there was anything to wake.
                if pods.cache.objects[pod.key]?.metadata.isTerminating ?? false { process.termination.wake() }
                await run(
                    process, PodContainer.all(spec), grace: .seconds(pod.metadata.deletionGracePeriodSeconds ?? 60))
            }
            guard !Task.isCancelled else { return }
            try await client.delete(Pod.self, pod.metadata.name, uid: uid, gracePeriodSeconds: 0)
        } catch let error as KubernetesError where error.isNotFound || error.isConflict {
            return
        } catch {
            around.logger.error("a pod cannot be run", metadata: ["pod": "\(pod.metadata.name)", "error": "\(error)"])
        }
    }

    private func run(_ process: PodProcess, _ containers: [PodContainer], grace: Duration) async {
        let watch = ContainerWatch(containers, host: process.host, clock: around.clock) { [weak self] in
            await self?.restart($0, process)
        }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await process.run() }
            tasks.addTask { await watch.run() }
            tasks.addTask { await self.keepStatus(process, watch) }
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

    /// Tells the API server whether the pod is ready, when that has changed.
    private func keepStatus(_ process: PodProcess, _ watch: ContainerWatch) async {
        var told: Bool?
        while !Task.isCancelled {
            let isReady = watch.isReady
            if isReady != told, (try? await tell(process, isReady)) != nil { told = isReady }
            // What could not be told is told again.
            await watch.change.wait(upTo: told == isReady ? .seconds(3_600) : Self.retry, clock: around.clock)
        }
    }

    private func restart(_ container: String, _ process: PodProcess) async {
        around.logger.notice(
            "a container's probe failed too often: it is restarted",
            metadata: ["pod": "\(process.name)", "container": "\(container)"])
        await process.restart(container)
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
