package import FleetModel
package import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Asks for an assertion of Identity-Aware Proxy, with Basic credentials as a second factor where they are set, or for
/// a bearer token, or for Basic credentials alone.
package struct RequestAuthenticator: Authenticator {
    /// Who may come in by Identity-Aware Proxy.
    package struct ProxyUsers: Sendable {
        /// Checks assertions.
        package var verifier: IAPVerifier
        /// Roles by e-mail address.
        package var allowed: [String: Caller.Role]

        /// Makes it.
        package init(verifier: IAPVerifier, allowed: [String: Caller.Role]) {
            self.verifier = verifier
            self.allowed = allowed
        }
    }

    /// A user name and its password.
    package struct Credentials: Sendable {
        /// The user name.
        package var username: Secret
        /// The password.
        package var password: Secret

        /// Makes credentials.
        package init(username: Secret, password: Secret) {
            self.username = username
            self.password = password
        }
    }

    private let proxyUsers: ProxyUsers?
    private let basic: Credentials?
    private let tokens: TokenFile?

    /// Makes it of at least one way.
    package init(proxyUsers: ProxyUsers?, basic: Credentials?, tokens: TokenFile?) {
        self.proxyUsers = proxyUsers
        self.basic = basic
        self.tokens = tokens
    }

    package func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller {
        let authorization = headers[.authorization] ?? ""
        if let tokens, let token = Self.value(of: "bearer", authorization), let caller = tokens.caller(token) {
            return caller
        }
        // A browser sends no bearer token, but asks for Basic credentials: the token is their password.
        if let tokens, let caller = tokens.caller(Self.credentials(authorization).password) { return caller }
        guard let proxyUsers else {
            if tokens == nil, let basic { return Caller(name: try Self.check(authorization, basic), role: .admin) }
            if let basic, let name = try? Self.check(authorization, basic) { return Caller(name: name, role: .admin) }
            throw Unauthenticated(
                basic == nil
                    ? "a bearer token is needed, or the one that was sent is not known"
                    : "a bearer token or Basic credentials are needed, or those that were sent are not known",
                because: "no known token", challenge: "Bearer realm=\"drover\", Basic realm=\"drover\"")
        }
        guard let assertion = Self.assertion.flatMap({ headers[$0] }) else {
            throw Unauthenticated(
                "no assertion of Identity-Aware Proxy was sent, and no known bearer token", because: "no assertion")
        }
        let email = try await proxyUsers.verifier.email(assertion)
        if let shown = Self.email.flatMap({ headers[$0] }), shown.split(separator: ":").last.map(String.init) != email {
            throw Unauthenticated(
                "X-Goog-Authenticated-User-Email names another user than the assertion", because: "users differ")
        }
        guard let role = proxyUsers.allowed[email] else {
            var error = Unauthenticated("\(email) is not an allowed user", because: "user not allowed")
            error.status = 403
            throw error
        }
        if let basic { _ = try Self.check(authorization, basic) }
        return Caller(name: email, role: role)
    }

    private static let assertion = HTTPField.Name("X-Goog-IAP-JWT-Assertion")
    private static let email = HTTPField.Name("X-Goog-Authenticated-User-Email")

    /// - Returns: the user's name.
    private static func check(_ authorization: String, _ wanted: Credentials) throws(Unauthenticated) -> String {
        let (username, password) = credentials(authorization)
        // Both are compared, whatever the first comparison said.
        let (isUser, isPassword) = (wanted.username.matches(username), wanted.password.matches(password))
        guard isUser, isPassword, !wanted.password.isEmpty else {
            throw Unauthenticated(
                "the Basic credentials are missing or wrong", because: "wrong Basic credentials",
                challenge: "Basic realm=\"drover\"")
        }
        return username
    }

    private static func credentials(_ authorization: String) -> (username: String, password: String) {
        let decoded = value(of: "basic", authorization).flatMap { Data(base64Encoded: $0) } ?? Data()
        let text = String(validating: decoded, as: UTF8.self) ?? ""
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        return (String(text[..<colon]), String(text[colon...].dropFirst()))
    }

    /// What follows the name of a scheme, which is read in any case (RFC 9110, section 11.1).
    private static func value(of scheme: String, _ authorization: String) -> String? {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == scheme else { return nil }
        return String(parts[1]).trimmed
    }
}
