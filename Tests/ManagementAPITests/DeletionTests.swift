import ControlClient
import FleetModel
import HTTPTypes
import HummingbirdTesting
import JSONValues
import ManagementAPI
import NIOHTTP1
import Persistence
import ProxySQLAdmin
import Synchronization
import Testing

@Suite("Changes that delete instances", .timeLimit(.minutes(1)))
struct DeletionTests {
    /// A group with three managed replicas that serve, seven connections in use to each.
    private func withReplicas(
        _ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Void
    ) async throws {
        let board = PublicationBoard()
        try await withAPI(publications: board, isLive: true) { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let group = try InstanceName("shop")
            var stored = try #require(try await store.group(group))
            let now = Timestamp(secondsSinceEpoch: 1)
            var node = NodePublication(node: "core-0", condition: .current)
            for number in 1...3 {
                let replica = try InstanceName("shop-m\(number)")
                stored.document.plan(replica, for: "", at: now.advanced(by: .seconds(number)))
                stored.document.admit(replica, address: "127.0.9.5\(number)", by: AdmissionRule(), at: now)
                stored.document.serve(replica, at: now)
                node.backends.append(
                    BackendObservation(
                        hostgroup: 10, address: "127.0.9.5\(number)", port: 3_306, status: "ONLINE", connectionsInUse: 7
                    ))
            }
            try await store.save(stored.document, ifVersion: stored.version)
            board.note(Publication(generation: 1, nodes: [node]), of: group, at: now)
            try await body(client, store)
        }
    }

    @Test("every preview lists them, with what they do now")
    func previews() async throws {
        try await withReplicas { client, _ in
            let removal = try await client.call(.delete, "/v1/groups/shop?deleteReplicas=true&dryRun=true")
            #expect(removal.at("deletes") == "[3]", "\(removal.text)")
            #expect(removal.at("deletes", "0", "state") == "serving")
            #expect(removal.at("deletes", "0", "connectionsInUse") == "7")
            let lowered = #"{"policy":{"maximumReplicas":1}}"#
            let patch = try await client.call(.patch, "/v1/groups/shop?dryRun=true", lowered)
            #expect(patch.at("deletes") == "[2]", "\(patch.text)")
            #expect(patch.at("effects", "0")?.contains("at the pace of scale-in") == true)
            let higher = try await client.call(
                .patch, "/v1/groups/shop?dryRun=true", #"{"policy":{"maximumReplicas":3}}"#)
            #expect(higher.at("deletes") == "[0]", "\(higher.text)")
        }
    }

    @Test("a yes is not enough: the name is typed, or a flag given; else nothing is changed")
    func consent() async throws {
        try await withReplicas { client, store in
            func lower(
                _ screen: Screen, _ consent: Operator.Consent, deletesReplicas: Bool = false
            ) async throws(ControlError) {
                try await screen.work(client).change(
                    "shop", .PATCH, "/v1/groups/shop", body: ["policy": ["maximumReplicas": 1]], consent: consent,
                    deletesReplicas: deletesReplicas)
            }
            for (screen, consent) in [
                (Screen(answers: true), Operator.Consent.given), (Screen(answers: true), .asked),
                (Screen(answers: true, typed: "shpo"), .asked),
            ] {
                do throws(ControlError) {
                    try await lower(screen, consent)
                    Issue.record("it was taken")
                } catch {
                    #expect(error.kind == .differs && error.description.contains("--delete-replicas"), "\(error)")
                }
                #expect(
                    screen.shown.contains(
                        "! DELETES Cloud SQL instances: shop-m3 (now serving, 7 connections), shop-m2 (now serving, 7 "),
                    "\(screen.shown)")
            }
            #expect(try await store.groups().first?.document.policy.maximumReplicas == 5)
            let typing = Screen(typed: "shop")
            try await lower(typing, .asked)
            #expect(typing.asked.withLock { $0 }.contains("change shop and DELETE 2 Cloud SQL instances?"))
            #expect(try await store.groups().first?.document.policy.maximumReplicas == 1)
            let removal = Screen()
            try await removal.work(client).change(
                "shop", .DELETE, "/v1/groups/shop", body: nil, query: [("deleteReplicas", "true")], consent: .given,
                deletesReplicas: true)
            #expect(removal.shown.contains("DELETES Cloud SQL instances: shop-m1"), "\(removal.shown)")
            #expect(try await store.groups().first?.document.removal?.deletesReplicas == true)
        }
    }

    @Test("a pin to a smaller size is agreed to like everything that deletes, and any other is made at once")
    func pin() async throws {
        try await withReplicas { client, store in
            func pin(
                _ screen: Screen, _ size: Int64, _ consent: Operator.Consent, deletesReplicas: Bool = false
            ) async throws(ControlError) {
                try await screen.work(client).pin(
                    "shop", ["size": .integer(size), "forSeconds": 600], done: "pinned", consent: consent,
                    deletesReplicas: deletesReplicas)
            }
            let larger = Screen()
            try await pin(larger, 4, .asked)
            #expect(larger.shown == "pinned\n" && larger.asked.withLock { $0 }.isEmpty)
            for consent in [Operator.Consent.given, .asked, .withheld] {
                let screen = Screen(answers: true)
                do throws(ControlError) {
                    try await pin(screen, 1, consent)
                    Issue.record("it was taken")
                } catch {
                    #expect(error.kind == .differs, "\(error)")
                }
                #expect(screen.shown.contains("! DELETES Cloud SQL instances: shop-m3 (now"), "\(screen.shown)")
            }
            #expect(try await store.groups().first?.document.policy.pin?.size == 4)
            let typing = Screen(typed: "shop")
            try await pin(typing, 1, .asked)
            #expect(typing.asked.withLock { $0 }.contains("pin shop and DELETE 2 Cloud SQL instances?"))
            try await pin(Screen(), 0, .given, deletesReplicas: true)
            #expect(try await store.groups().first?.document.policy.pin?.size == 0)
        }
    }
}
