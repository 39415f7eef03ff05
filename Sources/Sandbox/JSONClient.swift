import AsyncHTTPClient
import FakeGoogle
import JSONValues
import NIOCore
import NIOHTTP1
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Calls the sandbox's own HTTP interfaces.
struct JSONClient: Sendable {
    /// Paces what is tried again.
    let clock: any Clock<Duration>

    /// Sends `body` and returns status and answer.
    func exchange(
        _ method: HTTPMethod, _ url: String, _ body: JSONValue? = nil, token: String? = nil,
        timeout: Duration = .seconds(10)
    ) async throws -> (Int, JSONValue) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        let (response, bytes) = try await withDeadline(timeout, clock: clock) { [request] in
            let response = try await HTTPClient.shared.execute(request, timeout: TimeAmount(timeout))
            return (response, try await response.body.collect(upTo: 16 << 20))
        }
        let value = (try? JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView))) ?? .null
        return (Int(response.status.code), value)
    }

    /// Sends `body` and returns the answer of a call that went well. A look is tried again for two seconds: a fault
    /// that was injected for the scaler may meet it too.
    /// - Throws: `SandboxError` with what came back otherwise.
    func call(_ method: HTTPMethod, _ url: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        var tries = method == .GET ? 10 : 1
        while tries > 1 {
            tries -= 1
            if let (status, value) = try? await exchange(method, url, body), (200..<300).contains(status) {
                return value
            }
            try await clock.sleep(for: .milliseconds(200))
        }
        let (status, value) = try await exchange(method, url, body)
        guard (200..<300).contains(status) else {
            throw SandboxError("\(method.rawValue) \(url) was answered \(status): \(value)")
        }
        return value
    }
}
