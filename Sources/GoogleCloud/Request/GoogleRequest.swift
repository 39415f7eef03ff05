package import AsyncHTTPClient
import FleetModel
import Observability
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every call of a Google API goes through: credentials, one deadline for all of it, bounds for its answer and for
/// how many are under way, repetition where that does no harm, and errors by their reason.
package struct GoogleRequest: Sendable {
    private let client: HTTPClient
    private let endpoint: String
    private let timeout: Duration
    private let credentials: any AccessTokenProvider
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let limit: ConcurrencyLimit
    private let recorder: ChangeRecorder?
    private static let neverArrived = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH]
    private static let maximumAnswer = 16 << 20

    /// Calls the API at `endpoint`, for example `https://sqladmin.googleapis.com`; a call with its answer, and with
    /// whatever is repeated of it, may take `timeout`; at most `maximumConcurrency` calls are under way at a time. With a
    /// `recorder`, calls that would change something go to it and fail.
    package init(
        endpoint: String, timeout: Duration, credentials: any AccessTokenProvider = .none,
        client: HTTPClient? = nil, clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = Logger(label: "google"), maximumConcurrency: Int = 32, recorder: ChangeRecorder? = nil
    ) {
        self.endpoint = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        self.client = client ?? HTTPClients.client(for: endpoint)
        self.timeout = timeout
        self.credentials = credentials
        self.clock = clock
        self.logger = logger
        self.limit = ConcurrencyLimit(maximumConcurrency)
        self.recorder = recorder
    }

    /// What came back of a call that went well.
    struct Answer: Sendable {
        var headers: HTTPHeaders
        var body: Data
    }

    /// Makes a call and decodes its answer.
    /// - Throws: `GoogleFailure`; where `effectIsUnknown`, the caller has to look before it does the same again.
    func send<Document: Decodable>(
        _ call: GoogleCall, as type: Document.Type = Document.self
    ) async throws(GoogleFailure) -> Document {
        let answer = try await send(call)
        do {
            return try JSONDecoder().decode(type, from: answer.body)
        } catch {
            throw GoogleFailure(.unreadable, call: call.name, "the answer cannot be read: \(error)")
        }
    }

    /// Makes a call.
    func send(_ call: GoogleCall) async throws(GoogleFailure) -> Answer {
        try recorder?.check(call)
        let timeout = call.timeout ?? timeout
        return try await withDeadline(timeout, clock, call.name) { () async throws(GoogleFailure) -> Answer in
            let answer = try await limit.run { () async throws(GoogleFailure) -> Answer in
                try await repeated(call, timeout)
            }
            guard let answer else { throw GoogleFailure(.unreachable, call: call.name, "its caller gave up") }
            return answer
        }
    }

    private func repeated(_ call: GoogleCall, _ timeout: Duration) async throws(GoogleFailure) -> Answer {
        var repetition = Repetition(call.effect)
        var hasNewToken = false
        let stopwatch = begin()
        while true {
            let token = try await credentials.accessToken()
            do throws(GoogleFailure) {
                return try await once(try prepare(call, token), call, timeout, resends: repetition.attempt - 1)
            } catch {
                GoogleMetric.failures.count(error.code.rawValue)
                // Nothing is done for a caller who is not known, so any call may be made again with a new token, once.
                if error.status == 401, let token, !hasNewToken {
                    hasNewToken = true
                    await credentials.reject(token.value)
                    continue
                }
                guard !Task.isCancelled,
                    let pause = repetition.pause(after: error, spread: Double.random(in: 0.5...1.5)),
                    // Who would wait past the deadline learns now what stands against the call.
                    stopwatch.elapsed + pause < timeout
                else { throw error }
                logger.debug(
                    "call repeated",
                    metadata: [
                        "google.call": "\(call.name)", "error": "\(error)", "google.attempt": "\(repetition.attempt)",
                        "google.request.id": "\(error.requestID ?? "")",
                    ])
                guard (try? await clock.sleep(for: pause)) != nil else { throw error }
            }
        }
    }

    private func begin() -> Stopwatch {
        // Without the local one the compiler does not open the existential.
        let clock: any Clock<Duration> = clock
        return Stopwatch(clock)
    }

    private func prepare(_ call: GoogleCall, _ token: AccessToken?) throws(GoogleFailure) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: endpoint + call.path)
        request.method = HTTPMethod(rawValue: call.method.rawValue)
        for (name, value) in call.headers { request.headers.add(name: name, value: value) }
        request.headers.replaceOrAdd(name: "User-Agent", value: "drover")
        if let body = call.body { request.body = .bytes(ByteBuffer(bytes: body)) }
        if let token {
            guard endpoint.hasPrefix("https://") || Self.isLoopback(endpoint) else {
                throw GoogleFailure(
                    .invalid, call: call.name, "not sent: a token does not travel in the clear; use an https endpoint")
            }
            request.headers.add(name: "Authorization", value: "Bearer \(token.value.reveal())")
            if let project = token.quotaProject { request.headers.add(name: "X-Goog-User-Project", value: project) }
        }
        return request
    }

    private func once(
        _ request: HTTPClientRequest, _ call: GoogleCall, _ timeout: Duration, resends: Int
    ) async throws(GoogleFailure) -> Answer {
        try await Spans.http(request.method.rawValue, endpoint, operation: call.name, resends: resends) {
            span async throws(GoogleFailure) in
            var request = request
            for (name, value) in span.headers { request.headers.replaceOrAdd(name: name, value: value) }
            return try await exchange(request, call, timeout, span)
        }
    }

    private func exchange(
        _ request: HTTPClientRequest, _ call: GoogleCall, _ timeout: Duration, _ span: CallSpan
    ) async throws(GoogleFailure) -> Answer {
        let response: HTTPClientResponse
        let bytes: ByteBuffer
        do {
            response = try await client.execute(request, timeout: TimeAmount(timeout))
            bytes = try await Self.body(of: response)
        } catch is NIOTooManyBytesError {
            throw GoogleFailure(.unreadable, call: call.name, "the answer has more than \(Self.maximumAnswer) bytes")
        } catch let error as HTTPClientError where error == .connectTimeout {
            throw GoogleFailure(.unreachable, call: call.name, "no connection: \(error)")
        } catch let error as NIOConnectionError {
            throw GoogleFailure(.unreachable, call: call.name, "no connection: \(error)")
        } catch let error as IOError where Self.neverArrived.contains(error.errnoCode) {
            throw GoogleFailure(.unreachable, call: call.name, "no connection: \(error)")
        } catch let error as HTTPClientError {
            // The whole error could show a header with a token.
            throw GoogleFailure(.unavailable, call: call.name, "no answer: \(error.shortDescription)")
        } catch {
            throw GoogleFailure(.unavailable, call: call.name, "no answer: \(error)")
        }
        let status = Int(response.status.code)
        span.answered(status)
        let headers = response.headers
        guard (200..<300).contains(status) else {
            let id = headers.first(name: "x-goog-request-id") ?? headers.first(name: "x-cloud-trace-context")
            throw GoogleErrorAnswer.failure(
                status, Data(bytes.readableBytesView),
                .init(
                    call: call.name, requestID: id, retryAfter: headers.first(name: "Retry-After"),
                    date: headers.first(name: "Date")))
        }
        return Answer(headers: headers, body: Data(bytes.readableBytesView))
    }

    /// An error is an error, however long what it says.
    private static func body(of response: HTTPClientResponse) async throws -> ByteBuffer {
        do {
            return try await response.body.collect(upTo: maximumAnswer)
        } catch let error as NIOTooManyBytesError {
            guard (200..<300).contains(response.status.code) else { return ByteBuffer() }
            throw error
        }
    }

    /// Whether plain HTTP to `endpoint` stays on this machine: 127.0.0.0/8, written as numbers.
    static func isLoopback(_ endpoint: String) -> Bool {
        guard endpoint.hasPrefix("http://") else { return false }
        let host = endpoint.dropFirst(7).prefix { !":/?#".contains($0) }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

/// Ends `body` at a deadline; the HTTP client's own timeout ends with the head of an answer.
func withDeadline<Value: Sendable>(
    _ timeout: Duration, _ clock: any Clock<Duration>, _ call: String,
    _ body: @escaping @Sendable () async throws(GoogleFailure) -> Value
) async throws(GoogleFailure) -> Value {
    do {
        return try await withDeadline(timeout, clock: clock) { try await body() }
    } catch let error as GoogleFailure {
        throw error
    } catch let error as DeadlineExceeded {
        throw GoogleFailure(.deadlineExceeded, call: call, "\(error)")
    } catch {
        throw GoogleFailure(.deadlineExceeded, call: call, "it was given up because its caller was")
    }
}

extension GoogleRequest {
    /// What the other side's `Date` header says, whatever else it answers.
    func date(_ call: GoogleCall) async -> Timestamp? {
        guard let request = try? prepare(call, nil),
            let response = try? await client.execute(request, timeout: TimeAmount(timeout))
        else { return nil }
        return response.headers.first(name: "Date").flatMap { Timestamp(httpDate: $0) }
    }
}
