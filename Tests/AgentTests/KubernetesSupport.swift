import FakeKubernetes
import FleetModel
import Foundation
import JSONValues
import KubernetesClient
import Pacing
import Testing

/// The stand-in of the Kubernetes API, with a kubeconfig for an account of it.
struct Cluster: Sendable {
    let fake: FakeKubernetes
    let admin: KubernetesClient
    /// The environment of an agent with these rights.
    let environment: [String: String]

    static let namespace = "proxysql"

    /// Serves it while `body` runs; `isPodReader` gives the rights of the Go agent's manifests and no others.
    static func run(isPodReader: Bool = false, _ body: (Cluster) async throws -> Void) async throws {
        let agent =
            isPodReader
            ? Account.podReader(token: "agent", user: "agent", namespace: namespace)
            : Account(token: "agent", user: "agent", rules: [.init(apiGroups: ["*"], resources: ["*"], verbs: ["*"])])
        let fake = FakeKubernetes(
            .init(accounts: [.administrator(token: "admin"), agent]), clock: ContinuousClock())
        let (ports, given) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await fake.run(host: "127.0.0.1", port: 0, logger: quiet) { given.yield($0) } }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let path = NSTemporaryDirectory() + "drover-kubeconfig-\(UUID().uuidString)"
            try """
            apiVersion: v1
            kind: Config
            current-context: test
            contexts: [{name: test, context: {cluster: test, user: test, namespace: \(namespace)}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(port)"}}]
            users: [{name: test, user: {token: agent}}]
            """.write(toFile: path, atomically: true, encoding: .utf8)
            let admin = try KubernetesClient(
                KubernetesConfiguration(
                    server: "http://127.0.0.1:\(port)", authentication: .token(Secret("admin")), namespace: namespace))
            _ = try await admin.create(Namespace(name: namespace))
            let result: Result<Void, any Error>
            do {
                try await body(Cluster(fake: fake, admin: admin, environment: ["KUBECONFIG": path]))
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await admin.shutdown()
            tasks.cancelAll()
            while let next = await tasks.nextResult() { _ = next }
            try result.get()
        }
    }

    /// Makes a Running core pod.
    func pod(_ name: String, ip: String, template: String = "t1", ready: Bool = true) async throws {
        let document: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name),
                "labels": ["app": "proxysql", "component": "core", "pod-template-hash": .string(template)],
                "ownerReferences": [
                    [
                        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": .string("core-\(template)"),
                        "uid": .string(template), "controller": true,
                    ]
                ],
            ],
            "spec": ["containers": [["name": "proxysql", "image": "proxysql"]]],
        ]
        _ = try await admin.create(Pod.self, document, in: Self.namespace)
        let status: JSONValue = [
            "status": [
                "phase": "Running", "podIP": .string(ip),
                "conditions": [["type": "Ready", "status": ready ? "True" : "False"]],
            ]
        ]
        _ = try await admin.patch(Pod.self, name, status, in: Self.namespace, subresource: .status)
    }

    /// Makes the ReplicaSet of a template.
    func replicaSet(_ template: String, revision: Int) async throws {
        let document: JSONValue = [
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": [
                "name": .string("core-\(template)"),
                "annotations": [Deployment.revisionAnnotation: .string("\(revision)")],
            ],
            "spec": [
                "selector": ["matchLabels": ["pod-template-hash": .string(template)]],
                "template": [
                    "metadata": ["labels": ["pod-template-hash": .string(template)]],
                    "spec": ["containers": [["name": "proxysql", "image": "proxysql"]]],
                ],
            ],
        ]
        _ = try await admin.create(ReplicaSet.self, document, in: Self.namespace)
    }

    func delete(_ name: String) async throws {
        try await admin.delete(Pod.self, name, in: Self.namespace, gracePeriodSeconds: 0)
    }
}
