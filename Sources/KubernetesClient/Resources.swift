package import FleetModel
package import JSONValues

/// A pod, as far as Drover looks at one.
package struct Pod: KubernetesResource, Hashable {
    /// `status.conditions[]`.
    package struct Condition: Hashable, Codable, Sendable {
        /// For example `Ready`.
        package var type: String
        /// `True`, `False` or `Unknown`.
        package var status: String
    }

    /// `status`.
    package struct Status: Hashable, Codable, Sendable {
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        package var phase: String?
        /// Its address; it may come before it runs.
        package var podIP: String?
        /// Its conditions.
        package var conditions: [Condition]?
    }

    /// `spec`.
    package struct Spec: Hashable, Codable, Sendable {
        /// The host's name, where it is not the pod's.
        package var hostname: String?
    }

    package static let kind = ResourceKind("", "v1", "Pod", "pods")
    package var metadata: ObjectMeta
    /// What is wanted.
    package var spec: Spec?
    /// What was observed.
    package var status: Status?

    /// The phase is Running and nobody asked for its deletion.
    package var isRunning: Bool { status?.phase == "Running" && !metadata.isTerminating }
    /// The Ready condition is true.
    package var isReady: Bool { status?.conditions?.contains { $0.type == "Ready" && $0.status == "True" } == true }
    /// Its address, once there is one.
    package var address: String? { status?.podIP.flatMap { $0.isEmpty ? nil : $0 } }
}

/// A Secret; its values are base64 on the wire and unprintable here.
package struct SecretResource: WholeResource, Hashable {
    package static let kind = ResourceKind("", "v1", "Secret", "secrets")
    package var metadata: ObjectMeta
    /// For example `Opaque`.
    package var type: String?
    /// Base64 by name.
    package var data: [String: Secret]?
    /// Whether it can be changed.
    package var immutable: Bool?

    /// Makes a Secret from values that are texts.
    package init(name: String, namespace: String? = nil, labels: [String: String]? = nil, texts: [String: Secret]) {
        metadata = ObjectMeta(name: name, namespace: namespace, labels: labels)
        data = texts.mapValues { Secret(Base64.encode(Array($0.reveal().utf8))) }
    }

    /// A value's bytes; `nil` when there is none of that name.
    package func bytes(_ name: String) -> [UInt8]? {
        data?[name].flatMap { Base64.decode($0.reveal()) }
    }

    /// A value as UTF-8 text; `nil` when there is none of that name.
    package func text(_ name: String) -> Secret? {
        bytes(name).map { Secret(String(decoding: $0, as: UTF8.self)) }
    }

    /// The document of a server-side apply that owns exactly these texts.
    package static func applying(
        name: String, labels: [String: String] = [:], annotations: [String: String] = [:], texts: [String: Secret]
    ) -> JSONValue {
        var document = JSONValue.applied(kind, name: name, labels: labels, annotations: annotations)
        document["data"] = .object(texts.mapValues { .string(Base64.encode(Array($0.reveal().utf8))) })
        return document
    }
}

/// A ConfigMap.
package struct ConfigMap: WholeResource, Hashable {
    package static let kind = ResourceKind("", "v1", "ConfigMap", "configmaps")
    package var metadata: ObjectMeta
    /// Texts by name.
    package var data: [String: String]?
    /// Base64 by name.
    package var binaryData: [String: String]?
    /// Whether it can be changed.
    package var immutable: Bool?

    /// Makes a ConfigMap.
    package init(name: String, namespace: String? = nil, labels: [String: String]? = nil, data: [String: String]) {
        metadata = ObjectMeta(name: name, namespace: namespace, labels: labels)
        self.data = data
    }
}

/// A namespace.
package struct Namespace: WholeResource, Hashable {
    package struct Spec: Hashable, Codable, Sendable {
        /// What has to happen before it goes.
        package var finalizers: [String]?
    }

    package static let kind = ResourceKind("", "v1", "Namespace", "namespaces", isNamespaced: false)
    package var metadata: ObjectMeta
    /// Finalizers.
    package var spec: Spec?

    /// Makes a namespace.
    package init(name: String) {
        metadata = ObjectMeta(name: name)
    }
}

/// A Lease, whole, as `coordination.k8s.io/v1` had it from its beginning.
package struct Lease: WholeResource, Hashable {
    /// `spec`.
    package struct Spec: Hashable, Codable, Sendable {
        /// Who holds it; empty or absent when nobody does.
        package var holderIdentity: String?
        /// How long it is held after the last renewal, in seconds.
        package var leaseDurationSeconds: Int?
        /// When this holder got it.
        package var acquireTime: MicroTime?
        /// When its holder renewed it last.
        package var renewTime: MicroTime?
        /// How often the holder changed.
        package var leaseTransitions: Int?

        /// Makes an empty one.
        package init() {}
    }

    package static let kind = ResourceKind("coordination.k8s.io", "v1", "Lease", "leases")
    package var metadata: ObjectMeta
    /// Holder and times.
    package var spec: Spec?

    /// Makes a Lease.
    package init(metadata: ObjectMeta, spec: Spec?) {
        self.metadata = metadata
        self.spec = spec
    }
}

/// A core Event, to be created.
package struct Event: WholeResource, Hashable {
    /// What it is about.
    package struct Reference: Hashable, Codable, Sendable {
        /// Kind of the object, for example `Pod`.
        package var kind: String?
        /// Its namespace.
        package var namespace: String?
        /// Its name.
        package var name: String?
        /// Its uid.
        package var uid: String?

        /// Makes a reference.
        package init(kind: String, namespace: String, name: String, uid: String? = nil) {
            self.kind = kind
            self.namespace = namespace
            self.name = name
            self.uid = uid
        }
    }

    /// Who says it.
    package struct Source: Hashable, Codable, Sendable {
        /// The program.
        package var component: String?
    }

    package static let kind = ResourceKind("", "v1", "Event", "events")
    package var metadata: ObjectMeta
    /// What it is about.
    package var involvedObject: Reference
    /// One word in camel case.
    package var reason: String?
    /// A sentence.
    package var message: String?
    /// `Normal` or `Warning`.
    package var type: String?
    /// Who says it.
    package var source: Source?
    /// How often it happened.
    package var count: Int?
    /// First time, RFC 3339.
    package var firstTimestamp: String?
    /// Last time, RFC 3339.
    package var lastTimestamp: String?

    /// Makes an event of something that happened once, at `time`. `unique` keeps its name apart from others.
    package init(
        about object: Reference, reason: String, message: String, isWarning: Bool, unique: String, at time: Timestamp
    ) {
        metadata = ObjectMeta(name: "\(object.name ?? "drover").\(unique)", namespace: object.namespace)
        involvedObject = object
        self.reason = reason
        self.message = String(message.prefix(1_024))
        type = isWarning ? "Warning" : "Normal"
        source = Source(component: "drover")
        count = 1
        firstTimestamp = MicroTime.wholeSeconds(time)
        lastTimestamp = firstTimestamp
    }
}
