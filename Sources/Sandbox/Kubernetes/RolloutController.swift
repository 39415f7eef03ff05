import JSONValues
import KubernetesClient
import Logging
import Pacing
import Synchronization

/// A Deployment with its pod template, as the controller needs it.
struct PodTemplateOwner: KubernetesResource {
    static let kind = Deployment.kind
    var metadata: ObjectMeta
    var spec: JSONValue

    /// How many pods are wanted.
    var replicas: Int { spec["replicas"]?.integer.map { Int($0) } ?? 1 }
    /// How long a new pod is ready before the next one is replaced.
    var minimumReady: Duration { .seconds(spec["minReadySeconds"]?.integer ?? 0) }
    var template: JSONValue { spec["template"] ?? [:] }

    /// Differs between templates, as `pod-template-hash` does.
    var templateHash: String { PodTemplateHash.of(template) }
}

/// Tells pod templates apart.
enum PodTemplateHash {
    static func of(_ template: JSONValue) -> String {
        // FNV-1a, as the real controller's hash is; the digits are its own.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(template.sortedText)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        return String(String(hash, radix: 36).suffix(9))
    }
}

/// What the Deployment controller does, as far as a story needs it: a ReplicaSet with a growing revision for every pod
/// template, and pods that are replaced one by one, the new one first.
final class RolloutController: Sendable {
    private static let interval: Duration = .milliseconds(200)

    private let client: KubernetesClient
    private let stateful: StatefulController
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let stopwatch: Stopwatch
    /// Since when pods are ready, by uid.
    private let readySince = Mutex<[String: Duration]>([:])

    init(client: KubernetesClient, clock: any Clock<Duration>, logger: Logger) {
        self.client = client
        stateful = StatefulController(client: client)
        self.clock = clock
        self.logger = logger
        stopwatch = Stopwatch(clock)
    }

    /// Looks again and again until cancellation.
    func run() async {
        while !Task.isCancelled {
            do throws(KubernetesError) {
                try await step()
                try await stateful.step()
            } catch {
                logger.debug("deployments and stateful sets cannot be kept", metadata: ["error": "\(error)"])
            }
            try? await clock.sleep(for: Self.interval)
        }
    }

    func step() async throws(KubernetesError) {
        for owner in try await client.list(PodTemplateOwner.self).items {
            if owner.metadata.isTerminating { continue }
            let set = try await replicaSet(of: owner)
            let label = owner.spec["selector"]?["matchLabels"]?.object ?? [:]
            let selection = Selection.labels(label.compactMapValues(\.string))
            let pods = try await client.list(Pod.self, where: selection).items.filter {
                !$0.metadata.isTerminating && $0.metadata.controller?.kind == ReplicaSet.kind.kind
            }
            try await roll(owner, set, pods)
        }
    }

    private func replicaSet(of owner: PodTemplateOwner) async throws(KubernetesError) -> ReplicaSet {
        let name = "\(owner.metadata.name)-\(owner.templateHash)"
        let sets = try await client.list(ReplicaSet.self).items.filter {
            $0.metadata.controller?.uid == owner.metadata.uid
        }
        let newest = sets.compactMap(\.revision).max() ?? 0
        if let set = sets.first(where: { $0.metadata.name == name }) {
            // A template that comes back is the newest again, as after a rollback.
            guard set.revision ?? 0 < newest else { return set }
            return try await client.patch(
                ReplicaSet.self, name,
                ["metadata": ["annotations": [Deployment.revisionAnnotation: .string("\(newest + 1)")]]])
        }
        let labels: JSONValue = ["pod-template-hash": .string(owner.templateHash)]
        var template = owner.template
        template["metadata"] = (template["metadata"] ?? [:]).merging(["labels": labels])
        let matched = (owner.spec["selector"] ?? [:]).merging(["matchLabels": labels])
        return try await client.create(
            ReplicaSet.self,
            [
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": [
                    "name": .string(name), "labels": template["metadata"]?["labels"] ?? [:],
                    "annotations": [Deployment.revisionAnnotation: .string("\(newest + 1)")],
                    "ownerReferences": [Self.reference(Deployment.kind, owner.metadata)],
                ],
                "spec": ["replicas": .integer(Int64(owner.replicas)), "selector": matched, "template": template],
            ])
    }

    private func roll(
        _ owner: PodTemplateOwner, _ set: ReplicaSet, _ pods: [Pod]
    ) async throws(KubernetesError) {
        let new = pods.filter { $0.metadata.controller?.uid == set.metadata.uid }
        let old = pods.filter { $0.metadata.controller?.uid != set.metadata.uid }
        let available = available(pods, owner.minimumReady)
        if new.count < owner.replicas, pods.count <= owner.replicas {
            try await makePod(owner, set)
        } else if new.count > owner.replicas, let extra = new.last {
            try await client.delete(Pod.self, extra.metadata.name, uid: extra.metadata.uid)
        } else if let leaving = old.first(where: { !$0.isReady }) ?? old.first,
            !leaving.isReady || available.count > owner.replicas
        {
            try await client.delete(Pod.self, leaving.metadata.name, uid: leaving.metadata.uid)
        }
        let ready = Int64(pods.filter(\.isReady).count)
        let status: JSONValue = [
            "observedGeneration": .integer(owner.metadata.generation ?? 0), "replicas": .integer(Int64(pods.count)),
            "updatedReplicas": .integer(Int64(new.count)), "readyReplicas": .integer(ready),
            "availableReplicas": .integer(Int64(available.count)),
        ]
        try await client.patch(Deployment.self, owner.metadata.name, ["status": status], subresource: .status)
    }

    /// The pods that are ready for long enough.
    private func available(_ pods: [Pod], _ minimum: Duration) -> [Pod] {
        let now = stopwatch.elapsed
        return readySince.withLock { readySince in
            pods.filter { pod in
                let uid = pod.metadata.uid ?? ""
                guard pod.isReady else {
                    readySince[uid] = nil
                    return false
                }
                let since = readySince[uid] ?? now
                readySince[uid] = since
                return now - since >= minimum
            }
        }
    }

    private func makePod(_ owner: PodTemplateOwner, _ set: ReplicaSet) async throws(KubernetesError) {
        let letters = Array("bcdfghjklmnpqrstvwxz2456789")
        let suffix = String((0..<5).compactMap { _ in letters.randomElement() })
        let labels = (owner.template["metadata"]?["labels"] ?? [:])
            .merging(["pod-template-hash": .string(owner.templateHash)])
        try await client.create(
            Pod.self,
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": [
                    "name": .string("\(set.metadata.name)-\(suffix)"), "labels": labels,
                    "annotations": owner.template["metadata"]?["annotations"] ?? [:],
                    "ownerReferences": [Self.reference(ReplicaSet.kind, set.metadata)],
                ],
                "spec": owner.template["spec"] ?? [:],
            ])
    }

    static func reference(_ kind: ResourceKind, _ metadata: ObjectMeta) -> JSONValue {
        [
            "apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "name": .string(metadata.name),
            "uid": .string(metadata.uid ?? ""), "controller": true, "blockOwnerDeletion": true,
        ]
    }
}
