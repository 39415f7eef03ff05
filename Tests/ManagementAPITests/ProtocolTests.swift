import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing
import FleetModel

@testable import ManagementAPI

@Suite("What HTTP promises")
struct ProtocolTests {
    @Test("HEAD answers as GET does, without a body, and changes nothing in who may ask")
    func head() async throws {
        try await withAPI(authenticator: NobodyComesIn()) { client, _ async throws in
            for path in ["/", "/healthcheck"] { #expect(try await client.call(.head, path).status == 200) }
            #expect(try await client.call(.head, "/v1/groups").status == 401)
        }
        try await withAPI { client, _ async throws in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            let head = try await client.call(.head, "/v1/groups/shop")
            #expect(head.status == 200 && head.text.isEmpty && head.headers[.eTag] == made.headers[.eTag])
            #expect(try await client.call(.head, "/v1/groups/none").status == 404)
        }
    }

    @Test("what a store cannot hold is the request's fault; an outage is not, and says nothing of the inside")
    func storeErrors() {
        let refused = APIError(StoreError.unacceptable(document: "group shop", reason: "it has 2000000 bytes"))
        #expect(refused.status == 422 && refused.message == "group shop cannot be stored: it has 2000000 bytes")
        let outage = APIError(StoreError.unavailable(reason: "10.0.0.1 does not answer"))
        #expect(outage.status == 503 && !outage.message.contains("10.0.0.1"))
    }

    @Test(
        "a method that a path does not have is a 405 that names those that it has",
        arguments: [
            ("PUT", "/", "DELETE, GET, HEAD, PATCH, POST"), ("POST", "/healthcheck", "GET, HEAD"),
            ("OPTIONS", "/databases/shop", "GET, HEAD"), ("GET", "/queryrules/1", "PATCH"),
            ("DELETE", "/v1/groups", "GET, HEAD"), ("POST", "/v1/groups/a%20b/", "DELETE, GET, HEAD, PATCH, PUT"),
            ("GET", "/v1/groups/shop/pause", "POST"),
        ])
    func methodNotAllowed(method: String, path: String, allowed: String) async throws {
        let method = try #require(HTTPRequest.Method(method))
        try await withAPI { client, _ async throws in
            let answer = try await client.call(method, path)
            #expect(answer.status == 405 && answer.headers[.allow] == allowed, "\(answer)")
            #expect(answer.at(path.hasPrefix("/v1") ? "detail" : "error")?.contains(allowed) == true)
        }
    }

    @Test("a path where nothing is served is a 404, and problems have the titles of their statuses")
    func titles() async throws {
        try await withAPI { client, _ async throws in
            #expect(try await client.call(.get, "/databases/a/b").status == 404)
            let none = try await client.call(.get, "/v1/groups/none")
            #expect(none.at("title") == "Not Found" && none.at("status") == "404")
            let wrong = try await client.call(.put, "/v1/groups/shop", "[]")
            #expect(wrong.at("title") == "Unprocessable Entity" && wrong.at("errors", "0", "pointer") == "")
            #expect(wrong.at("detail")?.hasPrefix("the body: it must be an object") == true, "\(wrong.text)")
        }
    }

    @Test("the checks of a load balancer do not count as requests of its address")
    func healthIsNotLimited() async throws {
        var settings = APIRoutes.Settings(defaultPolicy: ScalingPolicy(maximumReplicas: 5))
        settings.requestsPerSecond = 1
        try await withAPI(settings: settings) { client, _ async throws in
            for _ in 0..<20 { #expect(try await client.call(.get, "/healthcheck").status == 200) }
            for _ in 0..<2 { #expect(try await client.call(.get, "/v1/groups").status == 200) }
            #expect(try await client.call(.get, "/v1/groups").status == 429)
            #expect(try await client.call(.get, "/").status == 200)
        }
    }

    @Test(
        "every answer with an entity tag is a 304 to a client that has it",
        arguments: ["", "/servers", "/servers/shop-r", "/users", "/users/app", "/query-rules/1", "/policy"])
    func notModified(path: String) async throws {
        try await withAPI { client, _ async throws in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            let tag = try #require(made.headers[.eTag])
            for known in [tag, "W/\(tag)", "\"0-0\", \(tag)", "*"] {
                let answer = try await client.call(.get, "/v1/groups/shop\(path)", headers: [.ifNoneMatch: known])
                #expect(answer.status == 304 && answer.text.isEmpty && answer.headers[.eTag] == tag, "\(known)")
            }
            let other = try await client.call(.get, "/v1/groups/shop\(path)", headers: [.ifNoneMatch: "\"0-0\""])
            #expect(other.status == 200)
        }
    }

    @Test("a media type that only begins like JSON's is a 415; parameters and letter case do not matter")
    func mediaTypes() async throws {
        try await withAPI { client, _ async throws in
            for (type, status) in [
                ("application/jsonx", 415), ("text/json", 415), ("Application/JSON; charset=utf-8", 201),
            ] {
                let answer = try await client.call(.put, "/v1/groups/shop", shop, headers: [.contentType: type])
                #expect(answer.status == status, "\(type)")
            }
        }
    }
}

/// Lets nobody in.
private struct NobodyComesIn: Authenticator {
    func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller {
        throw Unauthenticated("nobody may come in", because: "test")
    }
}
