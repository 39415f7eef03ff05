import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

@Suite("Numbers from outside", .timeLimit(.minutes(2)))
struct HostileNumberTests {
    /// Everything that shows what is stored answers, and well.
    private func expectShown(_ client: any TestClientProtocol, _ note: Comment) async throws {
        for path in [
            "/ui", "/v1/groups", "/v1/groups/shop", "/v1/groups/shop/incidents", "/v1/incidents", "/v1/events",
            "/v1/groups/shop/decisions", "/v1/groups/shop/history", "/databases", "/users", "/queryrules",
        ] {
            let answer = try await client.call(.get, path, headers: [.accept: "application/json"])
            #expect(answer.status < 500, "GET \(path) after \(note): \(answer.text)")
        }
    }

    @Test("a body with any number in any place is refused by a 4xx or taken, and what is stored is shown")
    func bodies() async throws {
        let chester =
            #"{"action":"modify","instance_name":"shop","chester_meta_data":{"max_chester_instances":4},"#
            + #""query_rules":[{"rule_id":1,"match_digest":"x","active":1,"apply":1,"destination_hostgroup":10}],"#
            + #""add_query_rules":[{"rule_id":2,"match_digest":"y","destination_hostgroup":5}],"#
            + #""remove_query_rules":[3]}"#
        let put =
            #"{"servers":[{"name":"shop","address":"127.0.0.9","origin":"primary","port":3306,"weight":100,"#
            + #""maxConnections":10,"hostgroup":5}],"users":[{"username":"a","password":"p","defaultHostgroup":5}],"#
            + #""queryRules":[{"id":1,"matchDigest":"x","destinationHostgroup":10}],"writerHostgroup":5,"#
            + #""readerHostgroup":10,"ruleIDBase":0,"policy":{"minimumReplicas":0,"maximumReplicas":4,"#
            + #""scaleOutCooldownSeconds":60,"budgets":{"actionsPerHour":3,"replicaHoursPerDay":9.5}}}"#
        let calls: [(HTTPRequest.Method, String, String)] = [
            (.patch, "/", chester), (.put, "/v1/groups/shop", put), (.put, "/v1/groups/other", put),
            (.patch, "/v1/groups/shop", #"{"policy":{"maximumReplicas":3,"drainDeadlineSeconds":60}}"#),
            (.post, "/users?instance_group=shop", #"{"username":"u","password":"p","default_hostgroup":5,"active":1}"#),
            (.post, "/v1/groups/shop/pin", #"{"size":1,"forSeconds":60}"#),
            (.post, "/v1/groups/shop/pause", #"{"forSeconds":60}"#),
            (.post, "/v1/groups/shop/rollback", #"{"generation":1}"#),
        ]
        try await withAPI { client, _ in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            var numbers = OutsideNumbers(seed: 25)
            for round in 0..<60 {
                for (method, path, body) in calls {
                    let changed = numbers.replacing(oneIn: round % 5 + 1, of: body)
                    let answer = try await client.call(method, path, changed)
                    #expect(answer.status < 500, "\(method) \(path) \(changed): \(answer.text)")
                }
                if round % 20 == 0 { try await expectShown(client, "round \(round)") }
            }
            for number in OutsideNumbers.extremes {
                for path in [
                    "/v1/events?after=\(number)", "/v1/events?limit=\(number)", "/v1/audit?before=\(number)",
                    "/v1/groups/shop/history?before=\(number)", "/v1/groups/shop/history/\(number)",
                    "/queryrules/\(number)",
                ] {
                    let answer = try await client.call(.get, path, headers: [.accept: "application/json"])
                    #expect(answer.status < 500, "GET \(path): \(answer.text)")
                }
            }
            try await expectShown(client, "all of it")
        }
    }

    @Test(
        "a rule's id beyond ProxySQL's column is refused with a sentence that says the range",
        arguments: ["9223372036854775807", "9223372036854775806", "2147483648", "-2147483649", "1e300", "\"x\""])
    func ruleID(number: String) async throws {
        try await withAPI { client, _ in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            for member in ["query_rules", "add_query_rules"] {
                let answer = try await client.call(
                    .patch, "/",
                    #"{"instance_name":"shop","\#(member)":[{"rule_id":\#(number),"match_digest":"x"}]}"#)
                #expect(answer.status == 400)
                #expect(answer.text.contains("must be a whole number from -2147483648 to 2147483647"), "\(answer.text)")
            }
        }
    }

    @Test("stored incidents and lag readings of any time are shown")
    func times() async throws {
        let board = PublicationBoard()
        try await withAPI(publications: board) { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let group = try InstanceName("shop")
            var numbers = OutsideNumbers(seed: 4)
            for (index, number) in OutsideNumbers.extremes.enumerated() {
                let time = Timestamp(secondsSinceEpoch: number)
                let alert = Alert(
                    incidentID: "i\(index)", policyName: "p", state: index % 2 == 0 ? .open : .closed, startedAt: time,
                    closedAt: index % 3 == 0 ? Timestamp(millisecondsSinceEpoch: numbers.next()) : nil,
                    primaryInstance: group, group: group, replicaBaseName: "shop-", action: .add, documentation: "{}")
                _ = try await store.record(alert, at: time)
                board.note(LagReading(seconds: Double(number), measuredAt: time), at: "127.0.0.9", port: 3306)
                try await expectShown(client, "\(number)")
            }
        }
    }
}
