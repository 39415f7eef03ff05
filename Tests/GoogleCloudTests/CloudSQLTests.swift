import FakeGoogle
import FleetModel
import Foundation
import GoogleCloud
import JSONValues
import NIOHTTP1
import TestSupport
import Testing

@Suite("Cloud SQL replicas", .timeLimit(.minutes(1)))
struct CloudSQLTests {
    @Test("a replica is created, gets an address, is deleted, and its name is never free again")
    func life() async throws {
        try await withCloudSQL { standIn, provider, clock in
            let request = try wanted("shop-a")
            let creation = try await provider.createReplica(request)
            let seen1 = try await provider.operation(id: creation).isDone
            #expect(seen1 == false)
            let seen2 = try await provider.instance(named: request.name)?.state
            #expect(seen2 == .creating)
            clock.advance(by: .seconds(101))
            let seen3 = try await provider.operation(id: creation).isDone
            #expect(seen3)
            let found = try await provider.instance(named: request.name)
            let made = try #require(found)
            #expect(made.state == .runnable)
            #expect(made.privateAddress == "127.0.9.21")
            #expect(made.primary == "shop")
            #expect(made.labels == ["team": "shop", "chester": "true", "drover-group": "shop"])
            let settings = try #require(standIn.instances["shop-a"])[at: "settings"]
            #expect(settings[at: "edition"].string == "ENTERPRISE")
            #expect(settings[at: "dataDiskSizeGb"].string == "100")
            #expect(settings[at: "ipConfiguration", "ipv4Enabled"] == false)
            let deletion = try await provider.deleteReplica(request)
            clock.advance(by: .seconds(101))
            let seen4 = try await provider.operation(id: deletion).isDone
            #expect(seen4)
            let seen5 = try await provider.instance(named: request.name)
            #expect(seen5 == nil)
            await expect(.alreadyExists) { _ = try await provider.createReplica(request) }
        }
    }

    @Test("operations of one primary take turns")
    func oneAtATime() async throws {
        try await withCloudSQL { _, provider, _ in
            _ = try await provider.createReplica(try wanted("shop-a"))
            await expect(.operationInProgress) { _ = try await provider.createReplica(try wanted("shop-b")) }
        }
    }

    @Test("nothing is deleted that is not ours")
    func notOurs() async throws {
        try await withCloudSQL { _, provider, clock in
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-static")) }
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop")) }
            _ = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-a", group: "other")) }
        }
    }

    @Test("an answer that was lost is unknown, and the effect can be found by name")
    func lostAnswer() async throws {
        try await withCloudSQL { standIn, provider, _ in
            var fault = CloudSQLFault(.dropAfterEffect)
            fault.method = "POST"
            standIn.inject(fault)
            await expect(.unavailable) { _ = try await provider.createReplica(try wanted("shop-a")) }
            let seen6 = try await provider.operations(on: try InstanceName("shop-a")).map(\.kind)
            #expect(seen6 == [.create])
        }
    }

    @Test(
        "errors are sorted by their reason",
        arguments: [
            (429, "rateLimitExceeded", ProviderError.Code.rateLimited), (503, "backendError", .unavailable),
            (409, "operationInProgress", .operationInProgress), (403, "operationInProgress", .operationInProgress),
            (409, "instanceAlreadyExists", .alreadyExists), (403, "notAuthorized", .permissionDenied),
            (400, "invalid", .invalid), (404, "instanceDoesNotExist", .notFound),
            (429, "errorMaxInstancePerLabel", .quotaExceeded), (429, "MAX_INSTANCE_PER_LABEL", .quotaExceeded),
            (400, "errorInstanceNameConflict", .alreadyExists), (400, "protectedInstanceDeletionFailure", .notOurs),
            (409, "strange", .operationInProgress), (403, "strange", .permissionDenied), (500, "strange", .unavailable),
            (429, "strange", .rateLimited), (408, "strange", .unavailable), (302, "strange", .invalid),
        ])
    func reasons(status: Int, reason: String, code: ProviderError.Code) async throws {
        try await withCloudSQL { standIn, provider, _ in
            var fault = CloudSQLFault(.status)
            fault.method = "POST"
            fault.status = status
            fault.reason = reason
            // Where it does no harm the call is made five times.
            fault.times = 5
            standIn.inject(fault)
            await expect(code) { _ = try await provider.createReplica(try wanted("shop-a")) }
        }
    }

    @Test("a creation that fails leaves a FAILED instance and says why")
    func failedCreate() async throws {
        try await withCloudSQL { standIn, provider, clock in
            var fault = CloudSQLFault(.failedCreate)
            fault.method = "POST"
            standIn.inject(fault)
            let id = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            let seen7 = try await provider.operation(id: id).failure
            #expect(seen7 != nil)
            let seen8 = try await provider.instance(named: try InstanceName("shop-a"))?.state
            #expect(seen8 == .failed)
        }
    }

    @Test("our replicas are listed, each with the group that its labels name, and a partial list says that it is one")
    func list() async throws {
        try await withCloudSQL { standIn, provider, clock in
            _ = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            _ = try await provider.createReplica(try wanted("shop-b", group: "shop2"))
            clock.advance(by: .seconds(101))
            let listing = try await provider.managedReplicas()
            #expect(listing.isComplete)
            #expect(Set(listing.instances.map(\.name.text)) == ["shop-a", "shop-b"])
            let group = try InstanceName("shop")
            let found = listing.instances.filter { provider.isOurs($0, of: group) }
            #expect(found.map(\.name.text) == ["shop-a"])
            #expect(found.first?.state == .runnable)
            var fault = CloudSQLFault(.partialList)
            fault.method = "GET"
            standIn.inject(fault)
            let partial = try await provider.managedReplicas()
            #expect(!partial.isComplete)
        }
    }

    @Test("a primary without a private network is refused before anything is asked for")
    func publicOnly() async throws {
        try await withCloudSQLServer { standIn, provider, clock, url in
            _ = try await exchange(
                .PATCH, "\(url)/v1/projects/p/instances/shop",
                ["settings": ["ipConfiguration": ["ipv4Enabled": true, "privateNetwork": ""]]])
            clock.advance(by: .seconds(101))
            await expect(.invalid) { _ = try await provider.createReplica(try wanted("shop-a")) }
            #expect(!standIn.requests.contains { $0.hasPrefix("POST") })
        }
    }

    @Test("a primary that enforces connectors is refused before anything is asked for")
    func connectorEnforcement() async throws {
        try await withCloudSQLServer { standIn, provider, clock, url in
            _ = try await exchange(
                .PATCH, "\(url)/v1/projects/p/instances/shop", ["settings": ["connectorEnforcement": "REQUIRED"]])
            clock.advance(by: .seconds(101))
            await expect(.invalid) { _ = try await provider.createReplica(try wanted("shop-a")) }
            #expect(!standIn.requests.contains { $0.hasPrefix("POST") })
        }
    }

    @Test("Chester's own replicas name no group: the group of their primary's name may take and delete them")
    func chestersReplicas() async throws {
        try await withCloudSQLServer { _, provider, clock, url in
            _ = try await exchange(
                .PATCH, "\(url)/v1/projects/p/instances/shop-static", ["settings": ["userLabels": ["chester": "true"]]])
            clock.advance(by: .seconds(101))
            let listed = try await provider.managedReplicas().instances
            let found = try #require(listed.first)
            #expect(provider.isOurs(found, of: try InstanceName("shop")))
            #expect(!provider.isOurs(found, of: try InstanceName("other")))
            _ = try await provider.deleteReplica(try wanted("shop-static"))
        }
    }

    @Test("our own replica that lost the group's label is left alone, also where its primary is named like the group")
    func lostLabel() async throws {
        try await withCloudSQLServer { _, provider, clock, url in
            var request = try wanted("shop-a")
            _ = try await provider.createReplica(request)
            clock.advance(by: .seconds(101))
            _ = try await exchange(
                .PATCH, "\(url)/v1/projects/p/instances/shop-a", ["settings": ["userLabels": ["drover-group": .null]]])
            clock.advance(by: .seconds(101))
            let found = try #require(try await provider.instance(named: request.name))
            #expect(provider.isOurs(found, of: request.group) && !provider.bearsLabels(found, of: request.group))
            request.mustBearLabels = true
            await expect(.notOurs) { _ = try await provider.deleteReplica(request) }
            #expect(try await provider.instance(named: request.name) != nil)
        }
    }

    @Test(
        "a primary is looked at with its addresses, replicas and what keeps it from being copied",
        arguments: [
            ("{}", ""), (#"{"ipConfiguration":{"privateNetwork":null,"ipv4Enabled":true}}"#, "only a public address"),
            (
                #"{"ipConfiguration":{"privateNetwork":null,"pscConfig":{"pscEnabled":true}}}"#,
                "Private Service Connect"
            ),
            (#"{"connectorEnforcement":"REQUIRED"}"#, "connectorEnforcement"),
        ])
    func primary(settings: String, obstacle: String) async throws {
        try await withCloudSQLServer { standIn, provider, clock, url in
            let change = try JSONDecoder().decode(JSONValue.self, from: Data(settings.utf8))
            _ = try await exchange(.PATCH, "\(url)/v1/projects/p/instances/shop", ["settings": change])
            clock.advance(by: .seconds(101))
            let found = try #require(try await provider.primary(named: try InstanceName("shop")))
            #expect(found.replicas == ["shop-static"])
            guard !obstacle.isEmpty else {
                #expect(found.obstacles.isEmpty && found.addresses.map(\.text) == ["127.0.9.1"], "\(found)")
                return
            }
            #expect(found.obstacles.count == 1 && found.obstacles[0].contains(obstacle), "\(found.obstacles)")
            await expect(.invalid) { _ = try await provider.createReplica(try wanted("shop-a")) }
            #expect(try await provider.primary(named: try InstanceName("nothing")) == nil)
        }
    }
}
