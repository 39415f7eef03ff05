import Endpoints
import FleetModel
package import HTTPTypes
import Hummingbird
import Logging

/// Finds out who sent a request.
package protocol Authenticator: Sendable {
    /// The caller whom the headers prove.
    /// - Throws: `Unauthenticated`; nothing of the request may be answered then.
    func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller
}

/// Why a request is answered by 401 or 403 before anything of it is looked at; never has a secret in it.
package struct Unauthenticated: Error, Hashable, Sendable {
    /// 401, 403, or 503 while the keys of an issuer cannot be had.
    package var status: Int
    /// A sentence for the client, which does not help a guess.
    package var message: String
    /// What the log says beside it.
    package var reason: String
    /// The value of `WWW-Authenticate`; nil adds none.
    package var challenge: String?

    /// Refuses by 401.
    package init(_ message: String, because reason: String, challenge: String? = nil) {
        self.status = 401
        self.message = message
        self.reason = reason
        self.challenge = challenge
    }
}

/// Lets everybody in as an administrator; for loopback addresses only.
package struct OpenToAll: Authenticator {
    /// Makes it.
    package init() {}

    package func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller {
        Caller(name: "anonymous", role: .admin)
    }
}

/// Asks the authenticator before any route but the two that tell a load balancer that the process is alive, and lets no
/// page of another site speak through a browser.
struct AuthenticationMiddleware: RouterMiddleware {
    let authenticator: any Authenticator
    let browsers: BrowserCheck

    func handle(
        _ request: Request, context: ManagementContext,
        next: (Request, ManagementContext) async throws -> Response
    ) async throws -> Response {
        guard !request.isHealthCheck else { return try await next(request, context) }
        var context = context
        do throws(APIError) {
            context.caller = try await caller(request, context)
            try request.checkType()
        } catch {
            return APIAnswer.refusal(error, of: request)
        }
        return try await next(request, context)
    }

    private func caller(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Caller {
        func note(_ reason: String) {
            context.logger.notice(
                "request refused", metadata: ["source.address": "\(context.sourceAddress)", "reason": "\(reason)"])
        }
        do throws(BrowserCheck.Objection) {
            try browsers.check(request.head)
        } catch {
            note("\(error)")
            throw APIError(status: 403, message: "\(error)")
        }
        let caller: Caller
        do throws(Unauthenticated) {
            caller = try await authenticator.caller(request.headers)
        } catch {
            note(error.reason)
            var refusal = APIError(status: error.status, message: error.message)
            if let challenge = error.challenge { refusal.headers[.wwwAuthenticate] = challenge }
            throw refusal
        }
        // Chester's surface has no roles: who may look may change, unless a role says otherwise.
        guard request.isReading || request.uri.path.hasPrefix("/v1") || caller.role == .admin else {
            throw APIError(status: 403, message: "\(caller.name) has the role \(caller.role.rawValue)")
        }
        return caller
    }
}

extension Request {
    /// Whether it changes nothing.
    var isReading: Bool { method == .get || method == .head }

    /// Whether it is one of the two that a load balancer sends, which anybody may.
    var isHealthCheck: Bool { isReading && ["/", "/healthcheck"].contains(uri.path) }

    /// The media type of the body, without its parameters.
    var mediaType: String? {
        headers[.contentType]?.split(separator: ";", omittingEmptySubsequences: false).first
            .map { String($0).trimmed.lowercased() }
    }

    /// A body must say that it is JSON: what a form can send without asking first, a page of another site can make any
    /// browser send. Clients of Chester's surface say nothing, or what curl says for them; where no browser sent it,
    /// they may.
    func checkType() throws(APIError) {
        let hasBody = headers[.transferEncoding] != nil || (headers[.contentLength].map { $0 != "0" } ?? false)
        guard !isReading, hasBody else { return }
        let isCompatible = !uri.path.hasPrefix("/v1")
        switch mediaType {
        case "application/json", "application/merge-patch+json": return
        case nil, "application/x-www-form-urlencoded":
            if isCompatible, !BrowserCheck.isFromBrowser(headers) { return }
        default: break
        }
        throw APIError(
            status: 415,
            message: "the body must be application/json" + (isCompatible ? "" : " or application/merge-patch+json"))
    }
}
