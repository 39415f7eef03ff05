package import FleetModel
import Hummingbird

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a notification proves where it comes from: each way that is set up is accepted, and one suffices, because a
/// notification channel of Cloud Monitoring has one. With none set up, everybody is let in.
package struct IngestAuthentication: Sendable {
    /// The value of the query parameter `auth_token` (Cloud Monitoring's `webhook_tokenauth`, and Chester's).
    package var token: Secret?
    /// User name and password (Cloud Monitoring's `webhook_basicauth`).
    package var basic: (username: Secret, password: Secret)?
    /// Whether a bearer token is one of Pub/Sub's for us (a push subscription of Cloud Monitoring's Pub/Sub channel).
    package var acceptsPush: (@Sendable (String) async -> Bool)?

    /// Lets everybody in, until something is set.
    package init(token: Secret? = nil) {
        self.token = token
    }

    /// Whether anything is asked for.
    package var isRequired: Bool { token != nil || basic != nil || acceptsPush != nil }

    /// Whether the request may be taken. Nothing of what it shows is ever logged.
    func accepts(_ request: Request) async -> Bool {
        guard isRequired else { return true }
        if let token, let given = request.uri.queryParameters.get("auth_token"), token.matches(given) { return true }
        let header = request.headers[.authorization] ?? ""
        if let basic, let (username, password) = Self.basic(header) {
            // Both are compared, whatever the first comparison says.
            let matches = (basic.username.matches(username), basic.password.matches(password))
            if matches.0 && matches.1 { return true }
        }
        if let acceptsPush, let bearer = Self.credentials("bearer", in: header) { return await acceptsPush(bearer) }
        return false
    }

    private static func basic(_ header: String) -> (username: String, password: String)? {
        guard let encoded = credentials("basic", in: header), let bytes = Data(base64Encoded: encoded),
            let text = String(bytes: bytes, encoding: .utf8), let colon = text.firstIndex(of: ":")
        else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private static func credentials(_ scheme: String, in header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == scheme else { return nil }
        return String(parts[1])
    }
}

/// What Pub/Sub pushes: the message in an envelope (Pub/Sub documentation, "Receive push messages").
struct PushEnvelope: Decodable {
    private struct Message: Decodable { var data: String? }
    private var message: Message
    private var subscription: String

    /// The message's data, if `body` is such an envelope.
    static func content(of body: [UInt8]) -> [UInt8]? {
        guard let envelope = try? JSONDecoder().decode(PushEnvelope.self, from: Data(body)) else { return nil }
        return envelope.message.data.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
    }
}
