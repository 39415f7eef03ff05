import JSONValues
import FakeGoogle
import FleetModel
import Foundation
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("Setting up who may do what", .timeLimit(.minutes(1)))
struct AccessTests {
    private struct World {
        var access: AccessStandIn
        var plan: SetupPlan
        var run: SetupRun
        var clock: ManualClock

        /// What became of each step.
        func outcomes() async throws -> [String: SetupRun.Outcome] {
            var outcomes: [String: SetupRun.Outcome] = [:]
            try await run.run(plan) { title, outcome in outcomes[title] = outcome }
            return outcomes
        }

        func members(of role: String, on resource: String) -> [String] {
            access.policies.policy(of: resource)[at: "bindings"].elements
                .filter { $0[at: "role"].string == role && $0[at: "condition"] == .null }
                .flatMap { $0[at: "members"].elements.compactMap(\.string) }
        }
    }

    private static let project = "projects/pp"
    private static let scaler = "serviceAccount:drover-scaler@pp.iam.gserviceaccount.com"
    private static let ingest = "serviceAccount:drover-ingest@pp.iam.gserviceaccount.com"
    private static let api = "serviceAccount:own@other.iam.gserviceaccount.com"

    private func inWorld(_ body: (World) async throws -> Void) async throws {
        let policies = PolicyModel()
        let access = AccessStandIn(policies: policies)
        let topics = PubSubStandIn(policies: policies, wallClock: TestWallClock(), clock: ContinuousClock())
        var wish = SetupPlan.Wish(project: "pp", topic: "incidents", subscription: "scaler")
        wish.identities = .init(project: "pp", scaler: nil, ingest: nil, api: "Own@other.iam.gserviceaccount.com")
        wish.secret = "webhook-token"
        wish.key = KMSKeyVersion(project: "kk", location: "global", keyRing: "r", key: "k", version: "1")
        let clock = ManualClock()
        try await withServer(access.router()) { accessURL in
            try await withServer(topics.router()) { topicsURL in
                let run = SetupRun(clock: clock) { service throws(GoogleFailure) in
                    GoogleRequest(endpoint: service == .pubSub ? topicsURL : accessURL, timeout: patience)
                }
                try await body(World(access: access, plan: SetupPlan(wish), run: run, clock: clock))
            }
        }
    }

    @Test("accounts, role and bindings are there afterwards, each once, however often it runs")
    func twice() async throws {
        try await inWorld { world in
            let first = try await world.outcomes()
            #expect(first["service account drover-scaler@pp.iam.gserviceaccount.com"] == .created)
            #expect(first["role droverScaler"] == .created)
            #expect(first["roles on project pp"] == .granted)
            let role = "projects/pp/roles/droverScaler"
            #expect(world.members(of: role, on: Self.project) == [Self.scaler])
            #expect(
                world.members(of: "roles/datastore.user", on: Self.project) == [Self.scaler, Self.ingest, Self.api])
            #expect(
                world.access.policies.role(role)[at: "includedPermissions"].elements.compactMap(\.string)
                    == AccessPlan.permissions)
            let topic = "projects/pp/topics/incidents"
            #expect(world.members(of: "roles/pubsub.publisher", on: topic) == [Self.ingest, Self.api])
            let agent = "serviceAccount:service-123456789@gcp-sa-pubsub.iam.gserviceaccount.com"
            #expect(world.members(of: "roles/pubsub.publisher", on: "\(topic)-dead-letters") == [agent])
            #expect(
                world.members(of: "roles/pubsub.subscriber", on: "projects/pp/subscriptions/scaler")
                    == [Self.scaler, agent])
            #expect(
                world.members(of: "roles/secretmanager.secretAccessor", on: "projects/pp/secrets/webhook-token")
                    == [Self.ingest])
            let key = "projects/kk/locations/global/keyRings/r/cryptoKeys/k"
            #expect(world.members(of: "roles/cloudkms.cryptoKeyDecrypter", on: key) == [Self.scaler, Self.api])
            let second = try await world.outcomes()
            #expect(Set(second.values) == [.present])
            #expect(second.count == first.count)
        }
    }

    @Test("what others have granted stays, with its conditions, and what one of them grants meanwhile too")
    func others() async throws {
        try await inWorld { world in
            let condition: JSONValue = [
                "title": "until", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')",
            ]
            let theirs: JSONValue = [
                "version": 3,
                "bindings": [
                    ["role": "roles/owner", "members": ["user:owner@example.com"]],
                    [
                        "role": "roles/datastore.user", "members": ["user:guest@example.com"], "condition": condition,
                    ],
                ],
            ]
            world.access.policies.setPolicy(theirs, of: Self.project)
            world.access.policies.interfere { policy in
                policy[at: "bindings"] = .array(
                    policy[at: "bindings"].elements + [["role": "roles/viewer", "members": ["user:new@example.com"]]])
            }
            async let outcomes = world.outcomes()
            await world.clock.waitForSleeps { !$0.isEmpty }
            world.clock.advance(by: .seconds(10))
            _ = try await outcomes
            #expect(world.access.policies.rejections == 1)
            let policy = world.access.policies.policy(of: Self.project)
            #expect(policy[at: "version"] == 3)
            #expect(policy[at: "bindings"].elements.prefix(2) == theirs[at: "bindings"].elements[...])
            #expect(world.members(of: "roles/viewer", on: Self.project) == ["user:new@example.com"])
            #expect(
                world.members(of: "roles/datastore.user", on: Self.project) == [Self.scaler, Self.ingest, Self.api])
        }
    }

    @Test("a new account that is not known everywhere yet is waited for")
    func propagation() async throws {
        try await inWorld { world in
            world.access.policies.setPropagation(2)
            async let outcomes = world.outcomes()
            for _ in 0..<4 {
                await world.clock.waitForSleeps { !$0.isEmpty }
                world.clock.advance(by: .seconds(10))
            }
            let found = try await outcomes
            #expect(found["roles on project pp"] == .granted)
            #expect(world.access.policies.rejections == 4)
        }
    }

    @Test("a change that failed for good says what failed", arguments: [403, 400])
    func failure(status: Int) async throws {
        try await inWorld { world in
            let code = status == 403 ? "PERMISSION_DENIED" : "INVALID_ARGUMENT"
            world.access.calls.inject(.init(":setIamPolicy", .canonical(status, code, "Policy update access denied.")))
            do {
                _ = try await world.outcomes()
                Issue.record("a failure was expected")
            } catch {
                #expect("\(error)".contains("/v3/projects/pp:setIamPolicy was answered \(status)"))
            }
        }
    }

    @Test("a role that lacks a permission gets it, and keeps what else it has")
    func role() async throws {
        try await inWorld { world in
            _ = try await world.outcomes()
            let name = "projects/pp/roles/droverScaler"
            try await withServer(world.access.router()) { url in
                let request = GoogleRequest(endpoint: url, timeout: patience)
                let call = try GoogleCall(.PATCH, "/v1/\(name)").json(
                    RoleDocument(includedPermissions: ["cloudsql.instances.get", "cloudsql.instances.update"]))
                _ = try await request.send(call)
            }
            let outcomes = try await world.outcomes()
            #expect(outcomes["role droverScaler"] == .granted)
            let permissions = world.access.policies.role(name)[at: "includedPermissions"].elements.compactMap(\.string)
            #expect(Set(permissions) == Set(AccessPlan.permissions).union(["cloudsql.instances.update"]))
        }
    }

    @Test("a role that was deleted, whose id is still taken, comes back")
    func deletedRole() async throws {
        try await inWorld { world in
            _ = try await world.outcomes()
            let name = "projects/pp/roles/droverScaler"
            try await withServer(world.access.router()) { url in
                let request = GoogleRequest(endpoint: url, timeout: patience)
                _ = try await request.send(try GoogleCall(.PATCH, "/v1/\(name)").json(["deleted": true]))
            }
            let outcomes = try await world.outcomes()
            #expect(outcomes["role droverScaler"] == .present)
            #expect(world.access.policies.role(name)[at: "deleted"] == false)
        }
    }
}
