package import FleetModel
package import JSONValues

/// A Deployment, as far as a rollout is judged by it.
package struct Deployment: KubernetesResource, Hashable {
    /// `spec`.
    package struct Spec: Hashable, Codable, Sendable {
        /// How many pods are wanted; 1 when absent.
        package var replicas: Int?
        /// What its pods are made of.
        package var template: Template?
    }

    /// `spec.template`, as far as its annotations go.
    package struct Template: Hashable, Codable, Sendable {
        /// `metadata`.
        package struct Metadata: Hashable, Codable, Sendable {
            /// What whoever changes the template leaves there.
            package var annotations: [String: String]?
        }

        /// Its `metadata`.
        package var metadata: Metadata?
    }

    /// `status`.
    package struct Status: Hashable, Codable, Sendable {
        /// The generation that this status is about.
        package var observedGeneration: Int64?
        /// All its pods.
        package var replicas: Int?
        /// Pods of the newest template.
        package var updatedReplicas: Int?
        /// Pods that are ready.
        package var readyReplicas: Int?
        /// Pods that are ready for long enough.
        package var availableReplicas: Int?
    }

    /// The annotation with which `kubectl rollout restart` marks the pod template.
    package static let restartAnnotation = "kubectl.kubernetes.io/restartedAt"
    /// The annotation with which Deployments number their ReplicaSets.
    package static let revisionAnnotation = "deployment.kubernetes.io/revision"

    package static let kind = ResourceKind("apps", "v1", "Deployment", "deployments")
    package var metadata: ObjectMeta
    /// What is wanted.
    package var spec: Spec?
    /// What is.
    package var status: Status?

    /// Every wanted pod runs the newest template and is available, and no old one is left (as `kubectl rollout status`
    /// judges).
    package var isRolledOut: Bool {
        let wanted = spec?.replicas ?? 1
        guard let status, status.observedGeneration ?? 0 >= metadata.generation ?? 0 else { return false }
        return status.updatedReplicas ?? 0 == wanted && status.replicas ?? 0 == wanted
            && status.availableReplicas ?? 0 == wanted
    }

    /// The merge patch with which `kubectl rollout restart` replaces every pod.
    package static func restartPatch(at time: Timestamp) -> JSONValue {
        templateAnnotationPatch(restartAnnotation, MicroTime.wholeSeconds(time))
    }

    /// The merge patch that sets one annotation of the pod template, which replaces every pod.
    package static func templateAnnotationPatch(_ name: String, _ value: String) -> JSONValue {
        ["spec": ["template": ["metadata": ["annotations": [name: .string(value)]]]]]
    }
}

/// A ReplicaSet, as far as the order of configurations is told by it.
package struct ReplicaSet: KubernetesResource, Hashable {
    package static let kind = ResourceKind("apps", "v1", "ReplicaSet", "replicasets")
    package var metadata: ObjectMeta

    /// The number that its Deployment gave it; later templates have greater ones.
    package var revision: Int64? {
        metadata.annotations?[Deployment.revisionAnnotation].flatMap { Int64($0) }
    }
}

/// A StatefulSet, as far as its revisions are told by it.
package struct StatefulSet: KubernetesResource, Hashable {
    /// `status`.
    package struct Status: Hashable, Codable, Sendable {
        /// The name of the ControllerRevision that pods run now.
        package var currentRevision: String?
        /// The name of the ControllerRevision that pods will run.
        package var updateRevision: String?
    }

    package static let kind = ResourceKind("apps", "v1", "StatefulSet", "statefulsets")
    package var metadata: ObjectMeta
    /// What is.
    package var status: Status?
}

/// A ControllerRevision: one template of a StatefulSet.
package struct ControllerRevision: KubernetesResource, Hashable {
    package static let kind = ResourceKind("apps", "v1", "ControllerRevision", "controllerrevisions")
    package var metadata: ObjectMeta
    /// Later templates have greater ones.
    package var revision: Int64
}

extension JSONValue {
    /// The beginning of a document for server-side apply: kind, version, name, and metadata that is meant.
    package static func applied(
        _ kind: ResourceKind, name: String, labels: [String: String] = [:], annotations: [String: String] = [:]
    ) -> JSONValue {
        var metadata: JSONValue = ["name": .string(name)]
        if !labels.isEmpty { metadata["labels"] = .texts(labels) }
        if !annotations.isEmpty { metadata["annotations"] = .texts(annotations) }
        return ["apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "metadata": metadata]
    }
}
