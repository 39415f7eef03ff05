import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import NIOHTTP1
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("The Cloud SQL stand-in", .timeLimit(.minutes(1)))
struct CloudSQLStandInTests {
    private func labelled(_ chester: String) -> JSONValue {
        ["settings": ["userLabels": ["chester": .string(chester), "drover-group": "shop"]]]
    }

    @Test("a list is filtered by label, with AND, OR and several spellings")
    func filters() async throws {
        try await withCloudSQLServer { _, _, clock, url in
            _ = try await exchange(.PATCH, "\(url)/v1/projects/p/instances/shop-static", labelled("true"))
            clock.advance(by: .seconds(101))
            for (filter, names) in [
                ("settings.userLabels.chester:true", ["shop-static"]),
                ("settings.userLabels.chester:true%20AND%20state:RUNNABLE", ["shop-static"]),
                ("settings.userLabels.chester:true%20state:FAILED", []),
                ("name:shop%20OR%20name:shop-static", ["shop", "shop-static"]),
                ("(name:shop%20OR%20name:shop-static)%20settings.userLabels.team=%22shop%22", ["shop", "shop-static"]),
                ("settings.storageAutoResize:true%20name:shop", ["shop"]),
            ] {
                let (status, list) = try await exchange(.GET, "\(url)/v1/projects/p/instances?filter=\(filter)")
                #expect(status == 200)
                #expect(list[at: "items"].elements.compactMap(\.[at: "name"].string) == names, "\(filter)")
            }
            let broken = try await exchange(.GET, "\(url)/v1/projects/p/instances?filter=name:shop%20OR")
            #expect(broken.status == 400)
        }
    }

    @Test("a list comes in pages")
    func pages() async throws {
        try await withCloudSQLServer { _, _, _, url in
            let base = "\(url)/sql/v1beta4/projects/p/instances?maxResults=1"
            let first = try await exchange(.GET, base).answer
            #expect(first[at: "items"].elements.compactMap(\.[at: "name"].string) == ["shop"])
            let token = try #require(first[at: "nextPageToken"].string)
            let second = try await exchange(.GET, "\(base)&pageToken=\(token)").answer
            #expect(second[at: "items"].elements.compactMap(\.[at: "name"].string) == ["shop-static"])
            #expect(second[at: "nextPageToken"] == .null)
        }
    }

    @Test("a change takes effect when its operation is DONE, and only on the version that it names")
    func patch() async throws {
        try await withCloudSQLServer { standIn, _, clock, url in
            let path = "\(url)/v1/projects/p/instances/shop"
            let change: JSONValue = ["settings": ["settingsVersion": "7", "userLabels": ["cost": "7", "team": .null]]]
            let (status, operation) = try await exchange(.PATCH, path, change)
            #expect(status == 200)
            #expect(operation[at: "operationType"] == "UPDATE")
            #expect(standIn.instances["shop"]?[at: "settings", "userLabels"] == ["team": "shop"])
            clock.advance(by: .seconds(101))
            #expect(standIn.instances["shop"]?[at: "settings", "userLabels"] == ["cost": "7"])
            #expect(standIn.instances["shop"]?[at: "settings", "settingsVersion"] == "8")
            #expect(standIn.instances["shop"]?[at: "settings", "tier"] == "db-custom-4-15360")
            let again = try await exchange(.PATCH, path, change)
            #expect(again.status == 412)
        }
    }

    @Test(
        "an unknown field is refused by name, wherever it is",
        arguments: [
            (["nam": "x"], "nam"), (["settings": ["teir": "x"]], "teir"),
            (["settings": ["ipConfiguration": ["ipv6Enabled": true]]], "ipv6Enabled"),
            (["settings": ["databaseFlags": [["nme": "x"]]]], "nme"),
        ] as [(JSONValue, String)])
    func unknownFields(body: JSONValue, field: String) async throws {
        try await withCloudSQLServer { _, _, _, url in
            let (status, answer) = try await exchange(.POST, "\(url)/v1/projects/p/instances", body)
            #expect(status == 400)
            #expect(answer[at: "error", "message"].string?.contains("\"\(field)\"") == true, "\(answer)")
        }
    }

    @Test("another project's instances are nobody's business")
    func wrongProject() async throws {
        try await withCloudSQLServer { _, _, _, url in
            let request = GoogleRequest(endpoint: url, timeout: patience)
            let provider = CloudSQLReplicaProvider(request: request, project: "q", privateNetwork: nil)
            await expect(.permissionDenied) { _ = try await provider.instance(named: try InstanceName("shop")) }
        }
    }

    @Test("an instance with replicas stays, and a protected one too")
    func keeps() async throws {
        try await withCloudSQLServer { _, provider, clock, url in
            let primary = try await exchange(.DELETE, "\(url)/v1/projects/p/instances/shop")
            #expect(primary.status == 400)
            _ = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            let path = "\(url)/v1/projects/p/instances/shop-a"
            _ = try await exchange(.PATCH, path, ["settings": ["deletionProtectionEnabled": true]])
            clock.advance(by: .seconds(101))
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-a")) }
            let protected = try await exchange(.DELETE, path)
            #expect(protected.status == 400)
        }
    }

    @Test("a promoted replica has no primary and is nobody's to delete; one without a private network has no address")
    func shapes() async throws {
        try await withCloudSQLServer { standIn, provider, clock, url in
            _ = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            let name = try InstanceName("shop-a")
            let path = "\(url)/v1/projects/p/instances/shop-a"
            let address = try #require(try await provider.instance(named: name)?.privateAddress)
            _ = try await exchange(
                .PATCH, path, ["settings": ["ipConfiguration": ["privateNetwork": "projects/n/global/networks/b"]]])
            clock.advance(by: .seconds(101))
            let moved = try await provider.instance(named: name)?.privateAddress
            #expect(moved != nil && moved != address)
            _ = try await exchange(
                .PATCH, path, ["settings": ["ipConfiguration": ["privateNetwork": .null], "activationPolicy": "NEVER"]])
            clock.advance(by: .seconds(101))
            let bare = try #require(try await provider.instance(named: name))
            #expect(bare.privateAddress == nil && bare.state == .other("STOPPED"))
            let (status, _) = try await exchange(.POST, path + "/promoteReplica")
            #expect(status == 200)
            clock.advance(by: .seconds(101))
            let promoted = try await provider.instance(named: name)?.primary
            #expect(promoted == nil)
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-a")) }
            let replicas = try #require(standIn.instances["shop"])[at: "replicaNames"].elements
            #expect(!replicas.contains("shop-a"))
            let isReshaped = standIn.reshape("shop-a", ["state": "MAINTENANCE"])
            #expect(isReshaped)
            #expect(try await provider.instance(named: name)?.state == .other("STOPPED"))
        }
    }

    @Test("a ghost operation keeps the primary busy for a while after DONE")
    func ghost() async throws {
        try await withCloudSQL { standIn, provider, clock in
            var fault = CloudSQLFault(.ghostOperation)
            fault.seconds = 30
            standIn.inject(fault)
            let id = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            let isDone = try await provider.operation(id: id).isDone
            #expect(isDone)
            await expect(.operationInProgress) { _ = try await provider.createReplica(try wanted("shop-b")) }
            clock.advance(by: .seconds(31))
            _ = try await provider.createReplica(try wanted("shop-b"))
        }
    }

    @Test("a partial list leaves replicas out and says so")
    func partialList() async throws {
        try await withCloudSQLServer { standIn, _, _, url in
            standIn.inject(CloudSQLFault(.partialList))
            _ = try await exchange(.GET, "\(url)/v1/projects/p/instances/shop")
            let list = try await exchange(.GET, "\(url)/v1/projects/p/instances").answer
            #expect(list[at: "items"].elements.count == 1)
            #expect(list[at: "warnings"].elements.first?[at: "code"] == "REGION_UNREACHABLE")
            #expect(standIn.faults.isEmpty)
        }
    }

    @Test(
        "a fault that cannot be meant so is refused by name",
        arguments: [
            ("{\"kind\":\"hang\",\"tmes\":2}", "tmes"), ("{\"kind\":\"hang\",\"times\":0}", "times"),
            ("{\"kind\":\"delay\",\"seconds\":1e300}", "seconds"), ("{\"kind\":\"status\",\"status\":99999}", "status"),
        ])
    func strictFaults(text: String, field: String) throws {
        let error = #expect(throws: CloudSQLFault.Invalid.self) {
            try JSONDecoder().decode(CloudSQLFault.self, from: Data(text.utf8))
        }
        #expect(error?.description.contains(field) == true)
        let good = try JSONDecoder().decode(CloudSQLFault.self, from: Data("{\"kind\":\"drop-after-effect\"}".utf8))
        #expect(good == CloudSQLFault(.dropAfterEffect))
    }
}

@Suite("What a replica takes from its primary", .timeLimit(.minutes(1)))
struct ReplicaRequestTests {
    private func provider(_ url: String = "http://127.0.0.1:9", network: String? = nil) -> CloudSQLReplicaProvider {
        CloudSQLReplicaProvider(
            request: GoogleRequest(endpoint: url, timeout: patience), project: "p", privateNetwork: network)
    }

    @Test("a primary without labels, flags or settings is no obstacle")
    func bare() throws {
        let replica = provider().replica(try wanted("shop-a"), of: DatabaseInstance(name: "shop"))
        #expect(replica.settings?.userLabels == ["chester": "true", "drover-group": "shop"])
        #expect(replica.settings?.databaseFlags == nil)
        #expect(replica.settings?.deletionProtectionEnabled == false)
        let bytes = try JSONEncoder().encode(replica)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("null"))
    }

    @Test("edition, size, flags and labels are copied; Google's own labels, owner and protection are not")
    func copies() throws {
        var settings = InstanceSettings()
        settings.tier = "db-perf-optimized-N-2"
        settings.edition = "ENTERPRISE_PLUS"
        settings.dataDiskSizeGb = "9007199254740993"
        settings.databaseFlags = [DatabaseFlag(name: "max_connections", value: "4000")]
        settings.userLabels = ["team": "shop", "goog-owner": "x", "drover-group": "other", "chester": "false"]
        settings.deletionProtectionEnabled = true
        settings.ipConfiguration = IPConfiguration(
            ipv4Enabled: true, privateNetwork: "projects/a/global/networks/b", sslMode: "ENCRYPTED_ONLY")
        let primary = DatabaseInstance(name: "shop", region: "r", databaseVersion: "MYSQL_8_4", settings: settings)
        let made = provider(network: "projects/n/global/networks/v").replica(try wanted("shop-a"), of: primary)
        let copied = try #require(made.settings)
        #expect(copied.edition == "ENTERPRISE_PLUS")
        #expect(copied.dataDiskSizeGb == "9007199254740993")
        #expect(copied.databaseFlags == settings.databaseFlags)
        #expect(copied.userLabels == ["team": "shop", "drover-group": "shop", "chester": "true"])
        #expect(copied.deletionProtectionEnabled == false)
        #expect(copied.ipConfiguration?.ipv4Enabled == false)
        #expect(copied.ipConfiguration?.privateNetwork == "projects/n/global/networks/v")
        #expect(copied.ipConfiguration?.sslMode == "ENCRYPTED_ONLY")
        #expect(copied.availabilityType == "ZONAL")
    }

    @Test("long groups that begin alike do not share a label")
    func longGroups() throws {
        let beginning = String(repeating: "a", count: 70)
        let labels = try ["b", "c"].map { CloudSQLReplicaProvider.label(try InstanceName(beginning + $0)) }
        #expect(labels[0] != labels[1])
        #expect(labels.allSatisfy { $0.count <= 63 && $0 == $0.lowercased() })
    }

    @Test("a stopped instance is not runnable, though the API calls it so")
    func stopped() async throws {
        try await withCloudSQLServer { _, provider, clock, url in
            let path = "\(url)/v1/projects/p/instances/shop-static"
            _ = try await exchange(.PATCH, path, ["settings": ["activationPolicy": "NEVER"]])
            clock.advance(by: .seconds(101))
            let found = try await provider.instance(named: try InstanceName("shop-static"))
            #expect(found?.state == .other("STOPPED"))
        }
    }

    @Test("the replica of a primary in another project is not ours, whatever its labels say")
    func foreignPrimary() async throws {
        let wallClock = TestWallClock()
        for (primary, isOurs) in [("other:shop", false), ("p:shop", true)] {
            var model = CloudSQLModel(project: "p", operationDuration: .zero, replicaAddresses: { _ in "127.0.9.9" })
            model.seed("shop-a", address: "127.0.9.2", primary: primary, at: wallClock.now())
            let standIn = CloudSQLStandIn(model: model, wallClock: wallClock, clock: ContinuousClock())
            try await withServer(standIn.router(context: StandInContext.self)) { url in
                let labels: JSONValue = ["settings": ["userLabels": ["chester": "true", "drover-group": "shop"]]]
                _ = try await exchange(.PATCH, "\(url)/v1/projects/p/instances/shop-a", labels)
                let request = try wanted("shop-a")
                if isOurs {
                    _ = try await provider(url).deleteReplica(request)
                } else {
                    await expect(.notOurs) { _ = try await provider(url).deleteReplica(request) }
                }
            }
        }
    }
}
