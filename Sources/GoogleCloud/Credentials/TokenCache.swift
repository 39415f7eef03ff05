import FleetModel
import Logging
import Pacing

/// Keeps a token until shortly before its end; one caller at a time asks for a new one.
///
/// While the old token is valid nobody waits for the new one but the caller that asks, and a failure to get one is no
/// failure of the calls.
actor TokenCache: AccessTokenProvider {
    /// How long before its end a token is replaced: as Google's own clients do, because the metadata server hands out
    /// the same token until four minutes before its end (google-auth for Python, `REFRESH_THRESHOLD`: 3 min 45 s).
    static let refreshAhead = Duration.seconds(225)
    /// A token that ends within this is not used: the call has to arrive, and clocks differ.
    static let margin = Duration.seconds(10)
    /// After a failure the old token, while it lasts, is used this long before the next try.
    static let pauseAfterFailure = Duration.seconds(15)

    private let source: any TokenSource
    private let wallClock: any WallClock
    private let logger: Logger
    private var token: AccessToken?
    private var notBefore: Timestamp?
    private var isAsking = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(source: any TokenSource, wallClock: any WallClock, logger: Logger) {
        self.source = source
        self.wallClock = wallClock
        self.logger = logger
    }

    func accessToken() async throws(GoogleFailure) -> AccessToken? {
        while true {
            let now = wallClock.now()
            let left = token?.expiresAt.since(now) ?? .zero
            if let token, left > Self.refreshAhead { return token }
            let usable = left > Self.margin ? token : nil
            if let usable, isAsking || notBefore.map({ now < $0 }) ?? false { return usable }
            if isAsking {
                await wait()
                if Task.isCancelled {
                    throw GoogleFailure(.unreachable, call: "the access token", "its caller gave up")
                }
                continue
            }
            return try await ask(insteadOf: usable)
        }
    }

    func reject(_ token: Secret) async {
        guard self.token?.value == token else { return }
        self.token = nil
        notBefore = nil
    }

    private func ask(insteadOf usable: AccessToken?) async throws(GoogleFailure) -> AccessToken {
        isAsking = true
        defer {
            isAsking = false
            for continuation in waiting { continuation.resume() }
            waiting = []
        }
        do throws(GoogleFailure) {
            let new = try await source.newToken()
            token = new
            notBefore = nil
            return new
        } catch {
            guard let usable else { throw error }
            notBefore = wallClock.now().advanced(by: Self.pauseAfterFailure)
            logger.warning("token not renewed; the old one is used while it lasts", metadata: ["error": "\(error)"])
            return usable
        }
    }

    /// Waits for the answer under way, which has a deadline; a caller that is cancelled meanwhile waits for it too.
    private func wait() async {
        await withCheckedContinuation { waiting.append($0) }
    }
}
