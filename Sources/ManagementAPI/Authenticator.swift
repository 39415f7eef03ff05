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

/// Asks the authenticator before any route but the two that tell a load balancer that the process is alive.
struct AuthenticationMiddleware: RouterMiddleware {
    let authenticator: any Authenticator

    func handle(
        _ request: Request, context: ManagementContext,
        next: (Request, ManagementContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        // A browser that is logged in must not be made to change anything by a page from elsewhere.
        if !request.isReading, let name = HTTPField.Name("Sec-Fetch-Site"),
            ["cross-site", "same-site"].contains(request.headers[name])
        {
            return APIAnswer.refusal(
                APIError(status: 403, message: "a page from elsewhere asked for this"), of: request)
        }
        if !request.isHealthCheck {
            do throws(Unauthenticated) {
                context.caller = try await authenticator.caller(request.headers)
            } catch {
                context.logger.notice(
                    "request refused",
                    metadata: ["source.address": "\(context.sourceAddress)", "reason": "\(error.reason)"])
                var refusal = APIError(status: error.status, message: error.message)
                if let challenge = error.challenge { refusal.headers[.wwwAuthenticate] = challenge }
                return APIAnswer.refusal(refusal, of: request)
            }
            // Chester's surface has no roles: who may look may change, unless a role says otherwise.
            if !request.isReading, !request.uri.path.hasPrefix("/v1"), context.caller.role < .admin {
                let refusal = APIError(
                    status: 403, message: "\(context.caller.name) has the role \(context.caller.role.rawValue)")
                return APIAnswer.refusal(refusal, of: request)
            }
        }
        return try await next(request, context)
    }
}

extension Request {
    /// Whether it changes nothing.
    var isReading: Bool { method == .get || method == .head }

    /// Whether it is one of the two that a load balancer sends, which anybody may.
    var isHealthCheck: Bool { isReading && ["/", "/healthcheck"].contains(uri.path) }
}
