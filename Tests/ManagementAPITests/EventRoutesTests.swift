import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import Testing

@Suite("Events over HTTP")
struct EventRoutesTests {
    @Test("the newest events are listed, behind an id, of a group and of kinds")
    func list() async throws {
        try await withAPI { client, _ in
            for name in ["shop", "other"] {
                let body = shop.replacing("shop", with: name).replacing("app", with: name).replacing(
                    "127.0.9", with: name == "shop" ? "127.0.8" : "127.0.7")
                #expect(try await client.call(.put, "/v1/groups/\(name)", body).status == 201)
            }
            #expect(
                try await client.call(
                    .post, "/v1/groups/shop/pause", #"{"direction":"out","forSeconds":60,"reason":"sale"}"#
                ).at("policy", "scaleOutPause", "reason") == "sale")
            func list(_ query: String, _ headers: HTTPFields = [:]) async throws -> Reply {
                var headers = headers
                headers[.accept] = "application/json"
                return try await client.call(.get, "/v1/events\(query)", headers: headers)
            }
            let all = try await list("")
            #expect(all.at("items") == "[3]" && all.at("items", "0", "kind") == "group-created", "\(all.text)")
            let policy = try await list("?kind=policy-changed,replica-gone")
            #expect(policy.at("items") == "[1]" && policy.at("items", "0", "group") == "shop")
            #expect(try await list("?group=other").at("items") == "[1]")
            #expect(try await list("?after=2").at("items", "0", "id") == "3")
            let resumed = try await list("", [try #require(HTTPField.Name("Last-Event-ID")): "1"])
            #expect(resumed.at("items") == "[2]" && resumed.at("items", "0", "id") == "2")
            #expect(try await list("?kind=nonsense").status == 400)
            // The newest event is of another kind, and so is the oldest.
            #expect(try await list("?kind=group-created&limit=1").at("items", "0", "group") == "other")
            #expect(try await list("?after=0&kind=policy-changed&limit=1").at("items", "0", "id") == "3")
        }
    }

    @Test("answers that are never written keep no place among those who follow")
    func abandoned() async throws {
        try await withAPI { client, _ async throws in
            for _ in 0..<250 { #expect(try await client.call(.head, "/v1/events").status == 200) }
        }
    }

    @Test(
        "what a person says to the scaler must make sense",
        arguments: [
            ("pause", #"{"direction":"up"}"#), ("pause", #"{"until":"2001-01-01T00:00:00Z"}"#),
            ("pause", #"{"forSeconds":0}"#), ("pause", #"{"why":"x"}"#),
            ("pause", #"{"until":"2100-01-01T00:00:00Z","forSeconds":5}"#), ("pin", "{}"), ("pin", #"{"size":99}"#),
            ("pin", #"{"size":"2"}"#), ("resume", "[]"), ("resume", "{"),
        ])
    func holds(call: String, body: String) async throws {
        try await withAPI { client, _ in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let answer = try await client.call(.post, "/v1/groups/shop/\(call)", body)
            #expect([400, 422].contains(answer.status), "\(answer.text)")
            #expect(try await client.call(.get, "/v1/groups/shop").at("generation") == "1")
        }
    }
}
