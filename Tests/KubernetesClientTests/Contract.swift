import FleetModel
import JSONValues
import Testing

@testable import KubernetesClient

/// An API server that the contract is checked on: the stand-in or a real one.
struct ServerUnderTest: Sendable {
    /// May do everything, in a namespace of its own that is empty at first.
    var client: KubernetesClient
    /// Is known and may do nothing; `nil` where there is none.
    var viewer: KubernetesClient?
    /// Has a token that the server does not know.
    var stranger: KubernetesClient
    /// Makes every version that is known so far too old; `nil` where that cannot be done.
    var compact: (@Sendable () async throws -> Void)?
    /// Nobody but the tests acts on the server: no scheduler, no controllers.
    var isAlone: Bool
}

/// What the client, the reflector and the elector rely on, whoever answers.
enum Contract: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case objects, conflicts, patches, apply, status, pages, selectors, watches, rights, compaction, graceful
    case reflector, relist, election

    var testDescription: String { rawValue }

    func check(on server: ServerUnderTest) async throws {
        switch self {
        case .objects: try await Self.checkObjects(server)
        case .conflicts: try await Self.checkConflicts(server)
        case .patches: try await Self.checkPatches(server)
        case .apply: try await Self.checkApply(server)
        case .status: try await Self.checkStatus(server)
        case .pages: try await Self.checkPages(server)
        case .selectors: try await Self.checkSelectors(server)
        case .watches: try await Self.checkWatches(server)
        case .rights: try await Self.checkRights(server)
        case .compaction: try await Self.checkCompaction(server)
        case .graceful: try await Self.checkGracefulDeletion(server)
        case .reflector: try await Self.checkReflector(server)
        case .relist: try await Self.checkRelist(server)
        case .election: try await Self.checkElection(server)
        }
    }

    /// The error of a call that must fail.
    static func failure<Value: Sendable>(
        _ call: () async throws(KubernetesError) -> Value, _ location: SourceLocation = #_sourceLocation
    ) async -> KubernetesError? {
        do throws(KubernetesError) {
            let value = try await call()
            Issue.record("it worked: \(value)", sourceLocation: location)
            return nil
        } catch {
            return error
        }
    }

    /// The document of a pod that no scheduler takes.
    static func pod(_ name: String, labels: [String: String] = [:], node: String? = nil) -> JSONValue {
        var document: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name), "labels": .texts(labels)],
            "spec": [
                "schedulerName": "drover-test-none",
                "containers": [["name": "proxysql", "image": "example.invalid/proxysql:1"]],
            ],
        ]
        if let node { document["spec"] = (document["spec"] ?? [:]).merging(["nodeName": .string(node)]) }
        return document
    }

    static func running(_ address: String, ready: Bool = true) -> JSONValue {
        [
            "status": [
                "phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]],
                "conditions": [["type": "Ready", "status": ready ? "True" : "False"]],
            ]
        ]
    }

    // MARK: Objects

    private static func checkObjects(_ server: ServerUnderTest) async throws {
        let client = server.client
        let made = try await client.create(
            ConfigMap(name: "c", labels: ["app": "proxysql"], data: ["proxysql.cnf": "threads=2\n"]))
        #expect(made.metadata.uid?.isEmpty == false)
        #expect(made.metadata.resourceVersion?.isEmpty == false)
        #expect(made.metadata.namespace == client.namespace)
        let read = try await client.get(ConfigMap.self, "c")
        #expect(read == made)
        var changed = read
        changed.data?["proxysql.cnf"] = "threads=4\n"
        let updated = try await client.update(changed)
        #expect(updated.data == changed.data)
        #expect(updated.metadata.resourceVersion != read.metadata.resourceVersion)
        let secret = try await client.create(
            SecretResource(name: "s", texts: ["fleet.json": Secret("{\"a\": \"ä\"}")]))
        #expect(secret.text("fleet.json")?.reveal() == "{\"a\": \"ä\"}")
        let event = Event(
            about: .init(kind: "Pod", namespace: client.namespace, name: "p"), reason: "Drained", message: "done",
            isWarning: false, unique: "1", at: Timestamp(secondsSinceEpoch: 1_800_000_000))
        let told = try await client.create(event)
        #expect(told.message == "done")
        try await client.delete(ConfigMap.self, "c", uid: made.metadata.uid)
        let gone = await failure { () throws(KubernetesError) in try await client.get(ConfigMap.self, "c") }
        #expect(gone?.code == .notFound)
        #expect(gone?.reason == "NotFound")
    }

    private static func checkConflicts(_ server: ServerUnderTest) async throws {
        let client = server.client
        let first = try await client.create(ConfigMap(name: "c", data: ["a": "1"]))
        let twice = await failure { () throws(KubernetesError) in
            try await client.create(ConfigMap(name: "c", data: ["a": "2"]))
        }
        #expect(twice?.code == .alreadyExists)
        var next = first
        next.data = ["a": "2"]
        try await client.update(next)
        let late = await failure { () throws(KubernetesError) in try await client.update(next) }
        #expect(late?.isConflict == true)
        let patched = await failure { [first] () throws(KubernetesError) in
            try await client.patch(
                ConfigMap.self, "c",
                ["metadata": ["resourceVersion": .string(first.metadata.resourceVersion ?? "")], "data": ["a": "3"]])
        }
        #expect(patched?.isConflict == true)
        let other = await failure { () throws(KubernetesError) in
            try await client.delete(ConfigMap.self, "c", uid: "00000000-0000-0000-0000-000000000000")
        }
        #expect(other?.isConflict == true)
        let lease = Lease(metadata: ObjectMeta(name: "l"), spec: nil)
        let made = try await client.create(lease)
        #expect(made.metadata.name == "l")
        let again = await failure { () throws(KubernetesError) in try await client.create(lease) }
        #expect(again?.code == .alreadyExists)
        let wrong = await failure { () throws(KubernetesError) in
            try await client.create(ConfigMap(name: "Bad_Name", data: [:]))
        }
        #expect(wrong?.code == .invalid)
        #expect(wrong?.status == 422)
        #expect(wrong?.fields == ["metadata.name"])
    }

    private static func checkPatches(_ server: ServerUnderTest) async throws {
        let client = server.client
        let made = try await client.create(ConfigMap(name: "c", data: ["a": "1", "b": "2"]))
        let patched = try await client.patch(ConfigMap.self, "c", ["data": ["a": .null, "c": "3"]])
        #expect(patched.data == ["b": "2", "c": "3"])
        let same = try await client.patch(ConfigMap.self, "c", ["data": ["c": "3"]])
        #expect(same.metadata.resourceVersion == patched.metadata.resourceVersion, "nothing changed, no new version")
        #expect(patched.metadata.resourceVersion != made.metadata.resourceVersion)
        let absent = await failure { () throws(KubernetesError) in
            try await client.patch(ConfigMap.self, "nope", ["data": ["a": "1"]])
        }
        #expect(absent?.code == .notFound)
    }

    private static func checkApply(_ server: ServerUnderTest) async throws {
        let client = server.client
        func document(_ data: [String: String]) -> JSONValue {
            var document = JSONValue.applied(ConfigMap.kind, name: "c")
            document["data"] = .texts(data)
            return document
        }
        let made = try await client.apply(
            ConfigMap.self, "c", document(["k": "one", "own": "a"]), fieldManager: "manager-a")
        #expect(made.data == ["k": "one", "own": "a"])
        try await client.patch(ConfigMap.self, "c", ["data": ["other": "x"]])
        let less = try await client.apply(ConfigMap.self, "c", document(["k": "two"]), fieldManager: "manager-a")
        #expect(less.data == ["k": "two", "other": "x"], "what it no longer names goes, what others own stays")
        let conflict = await failure { () throws(KubernetesError) in
            try await client.apply(ConfigMap.self, "c", document(["k": "three"]), fieldManager: "manager-b")
        }
        #expect(conflict?.code == .fieldConflict)
        #expect(conflict?.fields == [".data.k"])
        #expect(conflict?.message.contains("manager-a") == true)
        let agreed = try await client.apply(ConfigMap.self, "c", document(["k": "two"]), fieldManager: "manager-c")
        #expect(agreed.data?["k"] == "two")
        let forced = try await client.apply(
            ConfigMap.self, "c", document(["k": "three"]), fieldManager: "manager-b", force: true)
        #expect(forced.data?["k"] == "three")
        let nobody = await failure { () throws(KubernetesError) in
            try await client.apply(ConfigMap.self, "c", document(["k": "x"]), fieldManager: "")
        }
        #expect(nobody?.code == .invalid)
    }

    private static func checkStatus(_ server: ServerUnderTest) async throws {
        let client = server.client
        let made = try await client.create(Pod.self, pod("p").merging(running("127.0.0.9")))
        #expect(made.status?.phase == "Pending")
        #expect(made.address == nil)
        let running = try await client.patch(Pod.self, "p", running("127.0.0.9"), subresource: .status)
        #expect(running.isRunning && running.isReady)
        #expect(running.address == "127.0.0.9")
        let ignored = try await client.patch(
            Pod.self, "p", ["metadata": ["labels": ["x": "y"]], "status": ["phase": "Failed"]])
        #expect(ignored.metadata.labels == ["x": "y"])
        #expect(ignored.isRunning)
        let deployment: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "d"],
            "spec": [
                "replicas": 0, "selector": ["matchLabels": ["a": "b"]],
                "template": [
                    "metadata": ["labels": ["a": "b"]],
                    "spec": ["containers": [["name": "c", "image": "example.invalid/x:1"]]],
                ],
            ],
        ]
        let first = try await client.create(Deployment.self, deployment)
        #expect(first.metadata.generation == 1)
        let restarted = try await client.patch(
            Deployment.self, "d", Deployment.restartPatch(at: Timestamp(secondsSinceEpoch: 1_800_000_000)))
        #expect(restarted.metadata.generation == 2)
    }

    private static func checkPages(_ server: ServerUnderTest) async throws {
        let client = server.client
        for number in 1...5 { try await client.create(ConfigMap(name: "c-\(number)", data: [:])) }
        let first = try await client.page(ConfigMap.self, where: mine, limit: 2)
        #expect(first.items.map(\.metadata.name) == ["c-1", "c-2"])
        try await client.delete(ConfigMap.self, "c-4")
        try await client.create(ConfigMap(name: "c-9", data: [:]))
        let second = try await client.page(ConfigMap.self, where: mine, limit: 2, after: first.continueToken)
        #expect(second.items.map(\.metadata.name) == ["c-3", "c-4"], "pages are of one version")
        #expect(second.resourceVersion == first.resourceVersion)
        let third = try await client.page(ConfigMap.self, where: mine, limit: 2, after: second.continueToken)
        #expect(third.items.map(\.metadata.name) == ["c-5"])
        #expect(third.continueToken == nil)
        let all = try await client.list(ConfigMap.self, where: mine, pageSize: 2)
        #expect(all.items.map(\.metadata.name) == ["c-1", "c-2", "c-3", "c-5", "c-9"])
    }

    /// Real clusters put a ConfigMap of their own into every namespace.
    private static let mine = Selection(fields: "metadata.name!=kube-root-ca.crt")

    private static func checkSelectors(_ server: ServerUnderTest) async throws {
        let client = server.client
        try await client.create(Pod.self, pod("a", labels: ["app": "proxysql", "tier": "core"]))
        try await client.create(Pod.self, pod("b", labels: ["app": "proxysql", "tier": "satellite"]))
        try await client.create(Pod.self, pod("c", labels: ["app": "web"]))
        try await client.patch(Pod.self, "b", running("127.0.0.7"), subresource: .status)
        for (labels, fields, names) in [
            ("app=proxysql", "", ["a", "b"]), ("app=proxysql,tier!=core", "", ["b"]), ("tier", "", ["a", "b"]),
            ("!tier", "", ["c"]), ("app in (web, other)", "", ["c"]), ("tier notin (core)", "", ["b", "c"]),
            ("", "metadata.name=b", ["b"]), ("", "status.phase=Running", ["b"]),
            ("app==web", "status.phase!=Failed", ["c"]),
        ] {
            let found = try await client.list(Pod.self, where: Selection(labels: labels, fields: fields)).items
            #expect(found.map(\.metadata.name) == names, "\(labels) \(fields)")
        }
        let unknown = await failure { () throws(KubernetesError) in
            try await client.list(Pod.self, where: Selection(fields: "spec.image=x"))
        }
        #expect(unknown?.status == 400)
    }

    private static func checkRights(_ server: ServerUnderTest) async throws {
        let unknown = await failure { () throws(KubernetesError) in try await server.stranger.list(Pod.self) }
        #expect(unknown?.code == .unauthorized)
        guard let viewer = server.viewer else { return }
        let denied = await failure { () throws(KubernetesError) in try await viewer.list(Pod.self) }
        #expect(denied?.isForbidden == true)
        let right = "cannot list resource \"pods\" in API group \"\" in the namespace \"\(viewer.namespace)\""
        #expect(denied?.message.contains(right) == true, "\(String(describing: denied))")
        let lease = await failure { () throws(KubernetesError) in try await viewer.get(Lease.self, "l") }
        #expect(lease?.message.hasPrefix("leases.coordination.k8s.io \"l\" is forbidden") == true)
    }
}
