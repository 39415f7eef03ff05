import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Google's error body, in its older form (`errors[].reason`) and its newer one (`status`, `details[].reason`);
/// see "Errors" in Google's API design guide (AIP-193) and the Cloud SQL Admin API's error reference.
struct GoogleErrorAnswer: Decodable {
    struct Body: Decodable {
        struct Detail: Decodable {
            var reason: String?
            var requestId: String?
            var retryDelay: String?
        }

        var message: String?
        var status: String?
        var errors: [Detail]?
        var details: [Detail]?
    }

    /// What of an answer's headers matters for its error.
    struct Context {
        var call: String
        var requestID: String?
        var retryAfter: String?
    }

    var error: Body

    /// Sorts an error by its reason first, then by its canonical status, and by HTTP's only where both say nothing.
    static func failure(_ status: Int, _ data: Data, _ context: Context) -> GoogleFailure {
        let body = try? JSONDecoder().decode(GoogleErrorAnswer.self, from: data).error
        let oauth = try? JSONDecoder().decode(TokenErrorAnswer.self, from: data)
        let details = (body?.errors ?? []) + (body?.details ?? [])
        let reason = details.lazy.compactMap(\.reason).first ?? body?.status ?? oauth?.error ?? ""
        let delay = details.lazy.compactMap(\.retryDelay).first.flatMap(seconds)
        let code =
            byReason(normalized(reason), status) ?? body?.status.flatMap(byCanonicalStatus) ?? byHTTPStatus(status)
        return GoogleFailure(
            code, call: context.call, body?.message ?? oauth?.error_description ?? "no message", status: status,
            reason: reason, requestID: details.lazy.compactMap(\.requestId).first ?? context.requestID,
            retryAfter: delay ?? context.retryAfter.flatMap(seconds))
    }

    /// OAuth's error body (RFC 6749, section 5.2).
    private struct TokenErrorAnswer: Decodable {
        var error: String
        var error_description: String?
    }

    /// `Retry-After: 7` and `"retryDelay": "7.5s"`; dates, which Google does not send, count as absent.
    private static func seconds(_ text: String) -> Duration? {
        let number = text.hasSuffix("s") ? String(text.dropLast()) : text
        guard let seconds = Double(number), (0...86_400).contains(seconds) else { return nil }
        return .seconds(seconds)
    }

    /// The documentation writes `ERROR_MAX_INSTANCE_PER_LABEL` where the wire says `maxInstancePerLabel`, or says
    /// `errorMaxInstancePerLabel`: all of them become `maxinstanceperlabel`.
    static func normalized(_ reason: String) -> String {
        let letters = reason.lowercased().filter { $0 != "_" }
        return letters.hasPrefix("error") ? String(letters.dropFirst(5)) : letters
    }

    private static func byReason(_ reason: String, _ status: Int) -> GoogleFailure.Code? {
        switch reason {
        case "operationinprogress": .failedPrecondition
        case "instancealreadyexists", "instancenameconflict": .alreadyExists
        // A 403 that says so may only mean that the caller must not know.
        case "instancedoesnotexist", "operationdoesnotexist": status == 403 ? .permissionDenied : .notFound
        case "ratelimitexceeded", "userratelimitexceeded": .rateLimited
        case "maxinstanceperlabel", "quotaexceeded", "gcequotaexceeded": .quotaExceeded
        case "protectedinstancedeletionfailure": .failedPrecondition
        case "invalidgrant", "invalidclient", "unauthorizedclient": .unauthenticated
        default: nil
        }
    }

    private static func byCanonicalStatus(_ status: String) -> GoogleFailure.Code? {
        switch status {
        case "INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED": .invalid
        case "UNAUTHENTICATED": .unauthenticated
        case "PERMISSION_DENIED": .permissionDenied
        case "NOT_FOUND": .notFound
        case "ALREADY_EXISTS": .alreadyExists
        case "ABORTED": .aborted
        case "FAILED_PRECONDITION": .failedPrecondition
        case "RESOURCE_EXHAUSTED": .rateLimited
        case "INTERNAL", "UNKNOWN", "DATA_LOSS": .internalError
        case "UNAVAILABLE", "CANCELLED": .unavailable
        case "DEADLINE_EXCEEDED": .deadlineExceeded
        default: nil
        }
    }

    private static func byHTTPStatus(_ status: Int) -> GoogleFailure.Code {
        switch status {
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .notFound
        case 408, 504: .deadlineExceeded
        case 409, 412: .failedPrecondition
        case 429: .rateLimited
        case 300..<500: .invalid
        case 500: .internalError
        default: .unavailable
        }
    }
}
