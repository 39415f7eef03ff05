package import AsyncHTTPClient
package import FleetModel
import Foundations
import NIOCore
import NIOHTTP1
import Observability

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a webhook knows who calls it.
package enum WebhookToken: Sendable {
    /// It does not.
    case none
    /// `Authorization: Bearer` with this value.
    case fixed(Secret)
    /// The same with the first line of this file, which is read anew for each call, so that the token can change.
    case file(String)
}

/// An HTTP endpoint that gets the document as the body of a POST and says by its status whether it took it.
package struct Webhook: Hook {
    private let client: HTTPClient
    private let url: Secret
    private let token: WebhookToken
    private let deadline: Duration
    private let clock: any Clock<Duration>
    package let name: String

    /// Makes a hook of `url`, whose path may be a secret and is never shown.
    ///
    /// - Parameter client: must not follow redirects, which would carry the document to another host.
    package init(
        _ url: Secret, token: WebhookToken = .none, client: HTTPClient, deadline: Duration, clock: any Clock<Duration>
    ) {
        self.client = client
        self.url = url
        self.token = token
        self.deadline = deadline
        self.clock = clock
        self.name = Self.host(of: url.reveal())
    }

    /// What is wrong with `url` as the address of a webhook, or nil.
    package static func complaint(about url: String) -> String? {
        guard url.hasPrefix("https://") || url.hasPrefix("http://"), !host(of: url).isEmpty,
            url.allSatisfy({ $0.isASCII && !$0.isWhitespace })
        else { return "it must be an http or https URL" }
        return nil
    }

    package func call(_ document: [UInt8]) async throws(HookFailure) -> HookAnswer {
        var request = HTTPClientRequest(url: url.reveal())
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: "drover")
        if let token = try bearer() { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        request.body = .bytes(ByteBuffer(bytes: document))
        let received: (answer: HookAnswer, retryAfter: Duration?)?
        do {
            received = try await within(deadline, clock) { [client, request, deadline, url] in
                let response = try await Spans.http("POST", url.reveal(), operation: "webhook") { span in
                    var request = request
                    for (name, value) in span.headers { request.headers.replaceOrAdd(name: name, value: value) }
                    let response = try await client.execute(request, timeout: TimeAmount(deadline))
                    span.answered(Int(response.status.code))
                    return response
                }
                var text = BoundedText()
                for try await piece in response.body { text.append(piece.readableBytesView) }
                let pause = response.headers.first(name: "retry-after").flatMap { Int64($0) }
                return (
                    HookAnswer(status: Int(response.status.code), text: text.text),
                    pause.map { Duration.seconds(max(0, min($0, 3_600))) }
                )
            }
        } catch {
            guard !Task.isCancelled else { throw HookFailure(.cancelled, "\(name) was not waited for") }
            // The client counts the same seconds as we, and may be the first.
            if error as? HTTPClientError == .deadlineExceeded { throw late }
            throw HookFailure(.unreachable, "\(name) was not reached: \(ShownText.failure(error))")
        }
        guard let received else { throw late }
        return try Self.judge(received.answer, received.retryAfter, name)
    }

    private var late: HookFailure {
        HookFailure(.deadlineExceeded, "\(name) did not answer within \(deadline)")
    }

    private func bearer() throws(HookFailure) -> String? {
        switch token {
        case .none: return nil
        case .fixed(let secret): return secret.reveal()
        case .file(let path):
            do throws(UnusableFile) {
                return OutsideText.trimmed(OutsideText.firstLine(try InputFile.existingText(path)))
            } catch {
                throw HookFailure(
                    .unreachable, "\(name) was not called: the token file \(path) cannot be read: \(error)")
            }
        }
    }

    private static func judge(
        _ answer: HookAnswer, _ retryAfter: Duration?, _ name: String
    ) throws(HookFailure) -> HookAnswer {
        guard !(200..<300).contains(answer.status) else { return answer }
        let words = answer.firstLine.isEmpty ? "" : ": \(answer.firstLine)"
        // 408, 425 and 429 ask for another try, and so does every failure of the server's own (RFC 9110, 15.5, 15.6).
        let mayChange = answer.status >= 500 || [408, 425, 429].contains(answer.status)
        throw HookFailure(
            mayChange ? .failed : .rejected, "\(name) answered \(answer.status)\(words)", answer: answer,
            retryAfter: retryAfter)
    }

    /// `host:port` of a URL, without user, path and query.
    private static func host(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "" }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return String(authority.split(separator: "@").last ?? "")
    }
}
