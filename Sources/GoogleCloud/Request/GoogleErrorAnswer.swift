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

            private enum Key: String, CodingKey { case reason, requestId, retryDelay }

            /// What is not as expected counts as absent: an error must not hide behind a part that nobody needs.
            init(from decoder: any Decoder) throws {
                guard let members = try? decoder.container(keyedBy: Key.self) else { return }
                reason = try? members.decode(String.self, forKey: .reason)
                requestId = try? members.decode(String.self, forKey: .requestId)
                retryDelay = try? members.decode(String.self, forKey: .retryDelay)
            }
        }

        var message: String?
        var status: String?
        /// `errors`, then `details`.
        var details: [Detail]

        private enum Key: String, CodingKey { case message, status, errors, details }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: Key.self)
            message = try? members.decode(String.self, forKey: .message)
            status = try? members.decode(String.self, forKey: .status)
            details = [.errors, .details].flatMap { (try? members.decode([Detail].self, forKey: $0)) ?? [] }
        }
    }

    /// What of an answer's headers matters for its error.
    struct Context {
        var call: String
        var requestID: String?
        var retryAfter: String?
        /// The answer's own time, against which a date in `Retry-After` counts: clocks differ.
        var date: String?
    }

    var error: Body

    /// A message is no longer than this many characters.
    private static let longestMessage = 1_000
    private static let longestText = 300

    /// Sorts an error by its reason first, then by its canonical status, and by HTTP's only where both say nothing.
    static func failure(_ status: Int, _ data: Data, _ context: Context) -> GoogleFailure {
        let decoder = JSONDecoder()
        // Calls that answer with a stream put the error into an array.
        let answer =
            (try? decoder.decode(GoogleErrorAnswer.self, from: data))
            ?? (try? decoder.decode([GoogleErrorAnswer].self, from: data))?.first
        let body = answer?.error
        let oauth = try? decoder.decode(TokenErrorAnswer.self, from: data)
        let details = body?.details ?? []
        let reason = details.lazy.compactMap(\.reason).first ?? body?.status ?? oauth?.error ?? ""
        let delay = details.lazy.compactMap(\.retryDelay).first.flatMap(seconds)
        let code =
            byReason(normalized(reason), status) ?? body?.status.flatMap(byCanonicalStatus) ?? byHTTPStatus(status)
        let message = body?.message ?? oauth?.error_description ?? words(of: data)
        return GoogleFailure(
            code, call: context.call, String(message.prefix(longestMessage)), status: status, reason: reason,
            requestID: details.lazy.compactMap(\.requestId).first ?? context.requestID,
            retryAfter: delay ?? pause(context))
    }

    /// What a body that is no JSON says: load balancers answer pages, and the metadata server sentences.
    private static func words(of data: Data) -> String {
        let text = String(decoding: data.prefix(16_384), as: UTF8.self)
        let words =
            if let start = text.firstRange(of: "<title>"),
                let end = text[start.upperBound...].firstRange(of: "</title>")
            { text[start.upperBound..<end.lowerBound] } else { text[...] }
        let line = words.split { $0.isWhitespace || $0.unicodeScalars.contains { $0.value < 0x20 } }
            .joined(separator: " ")
        let isDocument = line.first.map { "{[<".contains($0) } ?? true
        return isDocument ? "no message" : String(line.prefix(longestText))
    }

    /// OAuth's error body (RFC 6749, section 5.2).
    private struct TokenErrorAnswer: Decodable {
        var error: String
        var error_description: String?
    }

    /// `Retry-After` in its two forms, seconds and a date (RFC 9110, section 10.2.3); a date needs the answer's own.
    private static func pause(_ context: Context) -> Duration? {
        guard let text = context.retryAfter else { return nil }
        if let seconds = seconds(text) { return seconds }
        guard let until = Timestamp(httpDate: text), let date = context.date.flatMap(Timestamp.init(httpDate:)) else {
            return nil
        }
        return min(max(until.since(date), .zero), .seconds(86_400))
    }

    /// `Retry-After: 7` and `"retryDelay": "7.5s"`.
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
