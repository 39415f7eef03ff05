import FakeKubernetes
import FleetModel
import JSONValues
import Testing

@testable import KubernetesClient

@Suite("The client and the Kubernetes API stand-in", .timeLimit(.minutes(1)))
struct StandInTests {
    @Test("What a real API server does the stand-in does too", arguments: Contract.allCases)
    func contract(of part: Contract) async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { client in
                let viewer = try standIn.client("viewer")
                let stranger = try standIn.client("wrong")
                let server = ServerUnderTest(
                    client: client, viewer: viewer, stranger: stranger, compact: { standIn.fake.compact() },
                    isAlone: true)
                do {
                    try await part.check(on: server)
                } catch {
                    Issue.record(error)
                }
                await viewer.shutdown()
                await stranger.shutdown()
            }
        }
    }

    @Test("A call that can be repeated is, after 429, 5xx and a broken connection; others only after 429")
    func retries() async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { client in
                func fault(_ kind: KubernetesFault.Kind, _ verb: String, _ status: Int? = nil) {
                    var fault = KubernetesFault(kind)
                    fault.verb = verb
                    fault.status = status
                    standIn.fake.inject(fault)
                }
                fault(.status, "list", 500)
                fault(.drop, "list")
                fault(.status, "list", 429)
                let pods = try await client.list(Pod.self).items
                #expect(pods.isEmpty)
                #expect(standIn.fake.calls.filter { $0.verb == "list" }.count == 4)
                fault(.status, "create", 429)
                try await client.create(ConfigMap(name: "a", data: [:]))
                fault(.status, "create", 503)
                let error = await Contract.failure { () throws(KubernetesError) in
                    try await client.create(ConfigMap(name: "b", data: [:]))
                }
                #expect(error?.code == .unavailable)
                #expect(error?.isOutcomeUnknown == true)
                fault(.dropAfterEffect, "create")
                let unknown = await Contract.failure { () throws(KubernetesError) in
                    try await client.create(ConfigMap(name: "c", data: [:]))
                }
                #expect(unknown?.isOutcomeUnknown == true)
                let made = try await client.get(ConfigMap.self, "c")
                #expect(made.metadata.name == "c")
            }
        }
    }

    @Test("A server that never answers costs a call its deadline")
    func hanging() async throws {
        try await StandIn.run { standIn in
            var fault = KubernetesFault(.hang)
            fault.times = 0
            standIn.fake.inject(fault)
            let client = try standIn.client(options: .init(timeout: .milliseconds(50), attempts: 1))
            let error = await Contract.failure { () throws(KubernetesError) in try await client.get(Pod.self, "p") }
            #expect(error?.code == .timeout || error?.code == .unavailable)
            #expect(error?.attempt == "get pods default/p")
            await client.shutdown()
        }
    }

    @Test("With the rights of the Go agent's manifests pods can be followed, and what is missing is named")
    func podReader() async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { admin in
                try await admin.create(Pod.self, Contract.pod("a", labels: ["app": "proxysql"]))
                try await standIn.withClient("reader") { reader in
                    try await Contract.withReflector(reader) { reflector in
                        try await reflector.waitUntilSynced(timeout: .seconds(30))
                        #expect(reflector.cache.sorted.map(\.metadata.name) == ["a"])
                    }
                    let lease = await Contract.failure { () throws(KubernetesError) in
                        try await reader.create(Lease(metadata: ObjectMeta(name: "core"), spec: nil))
                    }
                    #expect(
                        lease?.message.contains(
                            "cannot create resource \"leases\" in API group \"coordination.k8s.io\"")
                            == true)
                    let other = await Contract.failure { () throws(KubernetesError) in
                        try await reader.list(Pod.self, in: "kube-system")
                    }
                    #expect(other?.isForbidden == true)
                }
            }
        }
    }

    @Test("Bookmarks move a quiet watch on, and a watch that the server ends is resumed without a list")
    func bookmarks() async throws {
        let configuration = FakeKubernetes.Configuration(bookmarkInterval: .milliseconds(20))
        try await StandIn.run(configuration) { standIn in
            try await standIn.withClient { client in
                try await Contract.withReflector(client) { reflector in
                    try await reflector.waitUntilSynced(timeout: .seconds(30))
                    let listed = reflector.cache.resourceVersion
                    // Not selected: nothing is told, but a bookmark.
                    try await client.create(Pod.self, Contract.pod("other", labels: ["app": "web"]))
                    while reflector.cache.resourceVersion == listed { await Task.yield() }
                    for number in 1...3 {
                        standIn.fake.endWatches()
                        try await client.create(Pod.self, Contract.pod("p-\(number)", labels: ["app": "proxysql"]))
                        await Contract.follow(reflector, until: (1...number).map { "p-\($0)" })
                    }
                    #expect(reflector.listCount == 1)
                }
            }
        }
    }

    @Test("A slow reader of a reflector gets one change a name, summed up")
    func slowReader() async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { client in
                try await client.create(Pod.self, Contract.pod("a", labels: ["app": "proxysql"]))
                try await Contract.withReflector(client) { reflector in
                    try await reflector.waitUntilSynced(timeout: .seconds(30))
                    var changes = reflector.changes().makeAsyncIterator()
                    let first = await changes.next()
                    #expect(first?.changes.count == 1)
                    for number in 1...20 {
                        try await client.patch(
                            Pod.self, "a", ["metadata": ["labels": ["n": .string("\(number)")]]])
                    }
                    try await client.create(Pod.self, Contract.pod("b", labels: ["app": "proxysql"]))
                    try await client.create(Pod.self, Contract.pod("c", labels: ["app": "proxysql"]))
                    try await client.delete(Pod.self, "c", gracePeriodSeconds: 0)
                    await Contract.follow(reflector, until: ["a", "b"])
                    let batch = try #require(await changes.next())
                    #expect(batch.changes.count == 2)
                    #expect(batch.changes.first?.current?.metadata.labels?["n"] == "20")
                }
            }
        }
    }

    @Test("Many pods are listed in pages, each once, and only the selected ones are kept")
    func manyPods() async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { client in
                for number in 0..<600 {
                    try await client.create(
                        Pod.self, Contract.pod("p-\(number)", labels: ["app": number < 3 ? "proxysql" : "web"]))
                }
                let all = try await client.list(Pod.self, pageSize: 100).items
                #expect(all.count == 600)
                #expect(Set(all.map(\.metadata.name)).count == 600)
                try await Contract.withReflector(client) { reflector in
                    try await reflector.waitUntilSynced(timeout: .seconds(30))
                    #expect(reflector.cache.objects.count == 3)
                }
            }
        }
    }
}
