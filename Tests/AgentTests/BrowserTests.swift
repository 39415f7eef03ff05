import AsyncHTTPClient
import FakeProxySQL
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("Browsers at the agent", .timeLimit(.minutes(1)))
struct BrowserTests {
    @Test("a page cannot shut a node down or drain it, and HEAD does not do what GET does; the kubelet may")
    func shutdown() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake) { agent in
                func status(_ method: HTTPMethod, _ path: String, _ headers: [(String, String)]) async throws -> Int {
                    var request = HTTPClientRequest(url: agent.base + path)
                    request.method = method
                    request.headers.add(contentsOf: headers)
                    request.headers.add(name: "Authorization", value: "Bearer let-me")
                    return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code)
                }
                _ = try await agent.status { $0["live"] as? Bool == true }
                for header in [
                    ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin"), ("User-Agent", "Mozilla/5.0"),
                    ("Referer", "http://evil.example/"),
                ] {
                    #expect(try await status(.GET, "/shutdown", [header]) == 403)
                    #expect(try await status(.POST, "/shutdown", [header]) == 403)
                }
                #expect(try await status(.HEAD, "/shutdown", []) == 405)
                #expect(try await status(.POST, "/v1/drain", [("Origin", "http://evil.example")]) == 403)
                let seen = try await agent.call(.GET, "/v1/status").body
                #expect(seen["drain"] as? String == "serving" && seen["paused"] as? Bool == false, "\(seen)")
                #expect(try await status(.GET, "/shutdown", [("User-Agent", "kube-lifecycle/1.33")]) == 200)
            }
        }
    }
}
