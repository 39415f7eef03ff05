package import AsyncHTTPClient
package import FleetModel
import Foundations
package import JSONValues
import NIOCore
import Pacing
package import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Calls the management API.
package struct APIClient: Sendable {
    /// What came back.
    package struct Answer: Sendable {
        /// HTTP's status.
        package var status: Int
        /// The body; null when it is empty.
        package var body: JSONValue
        /// The entity tag, where there is one.
        package var tag: String?
    }

    private static let maximumBytes = 64 << 20

    private let http: HTTPClient
    private let base: String
    private let token: Secret?
    private let timeout: Duration
    private let clock: any Clock<Duration>

    /// Calls `base`, for example `http://127.0.0.1:8082`; one call may take `timeout`.
    package init(
        _ base: String, token: Secret?, http: HTTPClient, timeout: Duration, clock: any Clock<Duration>
    ) {
        var base = base
        while base.hasSuffix("/") { base.removeLast() }
        self.base = base
        self.token = token
        self.http = http
        self.timeout = timeout
        self.clock = clock
    }

    /// The bearer token in `text`, without spaces and line breaks around it; `place` is where it stands.
    /// - Throws: `ControlError.unusableInput` for what no header can have, without a word of it: the HTTP client's own
    ///   complaint would show the token.
    package static func token(_ text: String, from place: String) throws(ControlError) -> Secret {
        let token = text.split(whereSeparator: \.isWhitespace)
        guard token.count == 1, let only = token.first, only.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ControlError(.unusableInput, "\(place) must be one token of visible ASCII characters")
        }
        return Secret(String(only))
    }

    /// Waits as long as the client was told to wait.
    func pause(_ duration: Duration) async throws {
        try await clock.sleep(for: duration)
    }

    /// Sends `body` and returns what came back, whatever its status.
    /// - Throws: `ControlError.unreachable`.
    package func exchange(
        _ method: HTTPMethod, _ path: String, query: [(String, String?)] = [], body: JSONValue? = nil,
        ifMatch: String? = nil, ifAbsent: Bool = false
    ) async throws(ControlError) -> Answer {
        var request = made(method, path, query)
        request.headers.replaceOrAdd(name: "Accept", value: "application/json")
        if let ifMatch { request.headers.add(name: "If-Match", value: ifMatch) }
        if ifAbsent { request.headers.add(name: "If-None-Match", value: "*") }
        if let body {
            request.headers.add(
                name: "Content-Type", value: method == .PATCH ? "application/merge-patch+json" : "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes()))
        }
        do {
            return try await withDeadline(timeout, clock: clock) { [http, timeout, request] in
                let response = try await http.execute(request, timeout: .milliseconds(timeout.wholeMilliseconds))
                let bytes = try await response.body.collect(upTo: Self.maximumBytes)
                let text = Data(bytes.readableBytesView)
                return Answer(
                    status: Int(response.status.code),
                    body: text.isEmpty ? .null : (try? JSONValue(text)) ?? .string(String(buffer: bytes)),
                    tag: response.headers.first(name: "ETag"))
            }
        } catch {
            throw ControlError(
                .unreachable,
                "\(method.rawValue) \(ShownText.address(base))\(path): \(Self.explained(error))")
        }
    }

    /// Sends `body` and returns the answer of a call that went well.
    /// - Throws: `ControlError` with the API's own words otherwise.
    package func call(
        _ method: HTTPMethod, _ path: String, query: [(String, String?)] = [], body: JSONValue? = nil,
        ifMatch: String? = nil, ifAbsent: Bool = false
    ) async throws(ControlError) -> Answer {
        let answer = try await exchange(
            method, path, query: query, body: body, ifMatch: ifMatch, ifAbsent: ifAbsent)
        guard (200..<300).contains(answer.status) else {
            throw Self.refusal(answer, "\(method.rawValue) \(path)")
        }
        return answer
    }

    /// What the API says in an answer that is a refusal.
    static func refusal(_ answer: Answer, _ what: String) -> ControlError {
        let said = answer.body["detail"]?.string ?? answer.body["error"]?.string ?? "status \(answer.status)"
        let problems = answer.body["errors"]?.elements ?? []
        let lines = problems.map { "\n  \($0["pointer"]?.string ?? ""): \($0["detail"]?.string ?? "")" }.joined()
        let kind: ControlError.Kind = [401, 403].contains(answer.status) ? .notAllowed : .failed
        return ControlError(
            kind, "\(what) was refused (\(answer.status)): \(problems.isEmpty ? said : "these are wrong:\(lines)")")
    }

    /// Opens the event stream.
    /// - Throws: `ControlError`.
    package func stream(query: [(String, String?)]) async throws(ControlError) -> HTTPClientResponse {
        var request = made(.GET, "/v1/events", query)
        request.headers.replaceOrAdd(name: "Accept", value: "text/event-stream")
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, timeout: .milliseconds(timeout.wholeMilliseconds))
        } catch {
            throw ControlError(.unreachable, "GET \(ShownText.address(base))/v1/events: \(Self.explained(error))")
        }
        guard response.status == .ok else {
            let bytes = try? await withDeadline(timeout, clock: clock) {
                try await response.body.collect(upTo: Self.maximumBytes)
            }
            let body = bytes.flatMap { try? JSONValue(Data($0.readableBytesView)) } ?? .null
            throw Self.refusal(Answer(status: Int(response.status.code), body: body, tag: nil), "GET /v1/events")
        }
        return response
    }

    /// Why a call did not get through, and what to do.
    static func explained(_ error: any Error) -> String {
        var text = ShownText.failure(error)
        if text.contains("Connection refused") { text = "the connection was refused" }
        // BoringSSL's own words are a line of its source.
        return text.contains("CERTIFICATE_VERIFY_FAILED")
            ? "the server's certificate is not trusted; --ca-file names the authority of a private one"
            : "\(text); is the address right, and is it running there?"
    }

    private func made(_ method: HTTPMethod, _ path: String, _ query: [(String, String?)]) -> HTTPClientRequest {
        let pairs = query.compactMap { name, value in value.map { "\(Self.escaped(name))=\(Self.escaped($0))" } }
        var request = HTTPClientRequest(url: base + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")))
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token.reveal())") }
        return request
    }

    /// `text` as a part of a path or query: everything but RFC 3986's unreserved characters in percent.
    package static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
