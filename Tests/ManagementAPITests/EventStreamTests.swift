import AsyncHTTPClient
import FleetModel
import Foundation
import Hummingbird
import HummingbirdTesting
import ManagementAPI
import NIOCore
import NIOHTTP1
import Persistence
import Testing

@Suite("Events as they happen", .timeLimit(.minutes(1)))
struct EventStreamTests {
    @Test("a stream begins where the last one ended, and brings what happens next")
    func stream() async throws {
        try await withAPI(isLive: true) { client, _ in
            let port = try #require(client.port)
            let first = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(first.status == 201)
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/v1/events")
            request.headers.add(name: "Last-Event-ID", value: "0")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var text = ""
            var isChanged = false
            for try await part in response.body {
                text += String(buffer: part)
                if text.contains("event: group-created"), !isChanged {
                    isChanged = true
                    let changed = try await client.call(
                        .patch, "/v1/groups/shop", #"{"policy":{"maximumReplicas":9}}"#)
                    #expect(changed.status == 200)
                }
                if text.contains("event: policy-changed") { break }
            }
            #expect(text.hasPrefix("retry: 2000\n\nid: 1\nevent: group-created\ndata: {"))
            #expect(text.contains("id: 2\nevent: policy-changed\n"))
        }
    }

    @Test("an id that was not given yet does not keep its client waiting for it")
    func idOfAnotherLog() async throws {
        try await withAPI(isLive: true) { client, _ async throws in
            let port = try #require(client.port)
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/v1/events")
            request.headers.add(name: "Last-Event-ID", value: "\(Int64.max)")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
            let change = #"{"policy":{"maximumReplicas":9}}"#
            #expect(try await client.call(.patch, "/v1/groups/shop", change).status == 200)
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                if text.contains("event: policy-changed") { break }
            }
            #expect(text.contains("id: 2\n") && !text.contains("id: 1\n"))
        }
    }
}
