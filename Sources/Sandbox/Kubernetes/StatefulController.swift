import JSONValues
import KubernetesClient
import Logging
import Pacing

/// A StatefulSet with its pod template, as the controller needs it.
struct StatefulTemplateOwner: KubernetesResource {
    static let kind = StatefulSet.kind
    var metadata: ObjectMeta
    var spec: JSONValue

    /// How many pods are wanted.
    var replicas: Int { spec["replicas"]?.integer.map { Int($0) } ?? 1 }
    var template: JSONValue { spec["template"] ?? [:] }
    /// The name of the ControllerRevision of the template.
    var revisionName: String { "\(metadata.name)-\(PodTemplateHash.of(template))" }

    /// The name of the pod of an ordinal.
    func pod(_ ordinal: Int) -> String { "\(metadata.name)-\(ordinal)" }
}

/// What the StatefulSet controller does, as far as a story needs it: pods with the names that they had before, made one
/// after the other, and replaced one after the other from the last to the first when the template has changed.
struct StatefulController: Sendable {
    /// The label that tells which revision a pod is of.
    static let revisionLabel = "controller-revision-hash"

    /// What is to be done next with the pods of one set.
    enum Step: Hashable, Sendable {
        /// Nothing: it is as it should be, or something that was begun has to end first.
        case rest
        /// Make the pod of this ordinal.
        case make(Int)
        /// Delete the pod of this ordinal.
        case delete(Int)
    }

    /// A pod as it is.
    struct Present: Hashable, Sendable {
        var isReady: Bool
        var isTerminating: Bool
        var isUpToDate: Bool
    }

    let client: KubernetesClient

    /// The next step towards `replicas` pods, by ordinal: never more than one pod that is not ready, as
    /// `podManagementPolicy: OrderedReady` has it.
    static func step(_ pods: [Int: Present], replicas: Int) -> Step {
        let ordinals = 0..<max(replicas, 0)
        for ordinal in ordinals {
            guard let pod = pods[ordinal] else { return .make(ordinal) }
            // Everything waits for it, a new template too: so does the real controller.
            guard pod.isReady, !pod.isTerminating else { return .rest }
        }
        let surplus = pods.filter { !ordinals.contains($0.key) }
        guard surplus.values.allSatisfy({ !$0.isTerminating }) else { return .rest }
        if let last = surplus.keys.max() { return .delete(last) }
        let old = ordinals.last { ordinal in pods[ordinal].map { !$0.isUpToDate } ?? false }
        return old.map { .delete($0) } ?? .rest
    }

    /// One look at every StatefulSet, and the next step of each.
    func step() async throws(KubernetesError) {
        for owner in try await client.list(StatefulTemplateOwner.self).items where !owner.metadata.isTerminating {
            try await keep(owner)
        }
    }

    private func keep(_ owner: StatefulTemplateOwner) async throws(KubernetesError) {
        let revision = try await revision(of: owner)
        let pods = try await client.list(Pod.self).items.filter {
            $0.metadata.controller?.uid == owner.metadata.uid
        }
        var present: [Int: Present] = [:]
        for pod in pods {
            guard let ordinal = Int(pod.metadata.name.dropFirst(owner.metadata.name.count + 1)) else { continue }
            present[ordinal] = Present(
                isReady: pod.isReady, isTerminating: pod.metadata.isTerminating,
                isUpToDate: pod.metadata.labels?[Self.revisionLabel] == revision)
        }
        switch Self.step(present, replicas: owner.replicas) {
        case .rest: break
        case .make(let ordinal): try await make(owner, ordinal, revision)
        case .delete(let ordinal):
            let pod = pods.first { $0.metadata.name == owner.pod(ordinal) }
            try await client.delete(Pod.self, owner.pod(ordinal), uid: pod?.metadata.uid)
        }
        try await tell(owner, Array(present.values), revision)
    }

    /// The name of the ControllerRevision of the template, which is made when it is new; a template that comes back is
    /// the newest again.
    private func revision(of owner: StatefulTemplateOwner) async throws(KubernetesError) -> String {
        let name = owner.revisionName
        let all = try await client.list(ControllerRevision.self).items.filter {
            $0.metadata.controller?.uid == owner.metadata.uid
        }
        let newest = all.map(\.revision).max() ?? 0
        guard let known = all.first(where: { $0.metadata.name == name }) else {
            try await client.create(
                ControllerRevision.self,
                [
                    "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": .integer(newest + 1),
                    "metadata": [
                        "name": .string(name),
                        "ownerReferences": [RolloutController.reference(StatefulSet.kind, owner.metadata)],
                    ],
                    "data": ["spec": ["template": owner.template]],
                ])
            return name
        }
        if known.revision < newest {
            try await client.patch(ControllerRevision.self, name, ["revision": .integer(newest + 1)])
        }
        return name
    }

    private func make(
        _ owner: StatefulTemplateOwner, _ ordinal: Int, _ revision: String
    ) async throws(KubernetesError) {
        let name = owner.pod(ordinal)
        let labels = (owner.template["metadata"]?["labels"] ?? [:]).merging([
            Self.revisionLabel: .string(revision), "statefulset.kubernetes.io/pod-name": .string(name),
        ])
        try await client.create(
            Pod.self,
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": [
                    "name": .string(name), "labels": labels,
                    "annotations": owner.template["metadata"]?["annotations"] ?? [:],
                    "ownerReferences": [RolloutController.reference(StatefulSet.kind, owner.metadata)],
                ],
                "spec": owner.template["spec"] ?? [:],
            ])
    }

    private func tell(
        _ owner: StatefulTemplateOwner, _ pods: [Present], _ revision: String
    ) async throws(KubernetesError) {
        let updated = pods.filter(\.isUpToDate).count
        var status: JSONValue = [
            "observedGeneration": .integer(owner.metadata.generation ?? 0), "replicas": .integer(Int64(pods.count)),
            "readyReplicas": .integer(Int64(pods.filter(\.isReady).count)),
            "updatedReplicas": .integer(Int64(updated)), "updateRevision": .string(revision),
        ]
        if updated == pods.count { status["currentRevision"] = .string(revision) }
        try await client.patch(StatefulSet.self, owner.metadata.name, ["status": status], subresource: .status)
    }
}
