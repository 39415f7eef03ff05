package import FleetModel

/// A bearer token and how long it lasts.
package struct AccessToken: Hashable, Sendable {
    /// The token.
    package var value: Secret
    /// When it stops being valid.
    package var expiresAt: Timestamp
    /// The project whose quota the calls count against, for the header `X-Goog-User-Project`.
    package var quotaProject: String?

    /// Makes a token.
    package init(value: Secret, expiresAt: Timestamp, quotaProject: String? = nil) {
        self.value = value
        self.expiresAt = expiresAt
        self.quotaProject = quotaProject
    }
}

/// Where the access tokens of Google's APIs come from.
package protocol AccessTokenProvider: Sendable {
    /// A token that is valid now, or nil where calls go without one.
    /// - Throws: `GoogleFailure` when there should be a token and none could be had.
    func accessToken() async throws(GoogleFailure) -> AccessToken?
    /// Google did not accept `token`: it is not given out again.
    func reject(_ token: Secret) async
}

extension AccessTokenProvider {
    /// Nothing is remembered, so nothing is forgotten.
    package func reject(_ token: Secret) async {}
}

/// Calls without an `Authorization` header: for stand-ins and emulators.
package struct NoCredentials: AccessTokenProvider {
    /// There is nothing to configure.
    package init() {}

    package func accessToken() async throws(GoogleFailure) -> AccessToken? { nil }
}

extension AccessTokenProvider where Self == NoCredentials {
    /// Calls without an `Authorization` header.
    package static var none: NoCredentials { NoCredentials() }
}

/// What obtains a new token, each time anew.
protocol TokenSource: Sendable {
    /// Asks for a token.
    func newToken() async throws(GoogleFailure) -> AccessToken
}
