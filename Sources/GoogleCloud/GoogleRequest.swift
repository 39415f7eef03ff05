package import AsyncHTTPClient
import FleetModel
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every call of a Google API goes through: a deadline for all of it, a bound for its answer, errors by reason.
package struct GoogleRequest: Sendable {
    private let client: HTTPClient
    private let endpoint: String
    private let timeout: Duration
    private let clock: any Clock<Duration>
    private static let maximumAnswer = 16 << 20

    /// Calls the API at `endpoint`, for example `https://sqladmin.googleapis.com`; a call with its answer may take
    /// `timeout`.
    package init(
        client: HTTPClient, endpoint: String, timeout: Duration, clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.clock = clock
        self.client = client
        self.endpoint = endpoint
        self.timeout = timeout
    }

    /// Sends one request and decodes its answer; nothing is repeated here, because only the caller knows whether
    /// repeating does harm.
    /// - Throws: `ProviderError`, `unavailable` when nobody knows whether the effect took place.
    func send<Answer: Decodable & Sendable>(
        _ method: HTTPMethod, _ path: String, body: (any Encodable & Sendable)? = nil, as type: Answer.Type
    ) async throws(ProviderError) -> Answer {
        let what = "\(method.rawValue) \(path)"
        var request = HTTPClientRequest(url: endpoint + path)
        request.method = method
        let status: Int
        let bytes: ByteBuffer
        do {
            if let body {
                request.headers.add(name: "Content-Type", value: "application/json")
                request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
            }
            let prepared = request
            (status, bytes) = try await withThrowingTaskGroup(of: (Int, ByteBuffer).self) { tasks in
                tasks.addTask {
                    let response = try await client.execute(prepared, timeout: TimeAmount(timeout))
                    return (Int(response.status.code), try await response.body.collect(upTo: Self.maximumAnswer))
                }
                tasks.addTask {
                    // The client's own timeout ends with the head of the answer; this one covers the body.
                    try await clock.sleep(for: timeout)
                    throw ProviderError(.unavailable, "\(what) did not end within \(timeout)")
                }
                defer { tasks.cancelAll() }
                guard let first = try await tasks.next() else { throw CancellationError() }
                return first
            }
        } catch let error as ProviderError {
            throw error
        } catch {
            throw ProviderError(.unavailable, "\(what) did not get an answer: \(error)")
        }
        let data = Data(bytes.readableBytesView)
        guard (200..<300).contains(status) else { throw GoogleErrorAnswer.error(status, data, what) }
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw ProviderError(.unavailable, "\(what) got an answer that cannot be read: \(error)")
        }
    }
}

/// Google's error body.
struct GoogleErrorAnswer: Decodable {
    struct Body: Decodable {
        struct Detail: Decodable {
            var reason: String?
        }

        var message: String?
        var errors: [Detail]?
    }

    var error: Body

    /// Sorts an error by its reason first and by its status only where the reason says nothing
    /// (Cloud SQL documentation, "Error messages").
    static func error(_ status: Int, _ data: Data, _ what: String) -> ProviderError {
        let body = try? JSONDecoder().decode(GoogleErrorAnswer.self, from: data).error
        let reason = body?.errors?.first?.reason ?? ""
        let message = "\(what) was answered \(status) \(reason): \(body?.message ?? "no message")"
        let code: ProviderError.Code =
            switch (status, reason) {
            case (_, "operationInProgress"): .operationInProgress
            case (_, "instanceAlreadyExists"): .alreadyExists
            case (_, "instanceDoesNotExist") where status != 403, (_, "operationDoesNotExist"), (404, _): .notFound
            case (_, "rateLimitExceeded"), (_, "userRateLimitExceeded"): .rateLimited
            case (429, "maxInstancePerLabel"), (_, "quotaExceeded"), (_, "gceQuotaExceeded"): .quotaExceeded
            case (429, _): .rateLimited
            case (401, _), (403, _): .permissionDenied
            case (409, _), (412, _): .operationInProgress
            case (400..<500, _): .invalid
            default: .unavailable
            }
        return ProviderError(code, message)
    }
}
