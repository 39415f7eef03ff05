/// Whether and when a failed call is made again: by what the call does and by why it failed, not by status alone.
struct Repetition: Sendable {
    /// What making a call twice does.
    enum Effect: Sendable {
        /// The same as once: reading, acknowledging, asking for a token.
        case idempotent
        /// Perhaps harm: it is repeated only when certainly nothing was done.
        case once
    }

    var effect: Effect
    var attempt = 1
    private var hadInternalError = false
    /// The longest run of tries.
    static let maximumAttempts = 5
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)

    init(_ effect: Effect) {
        self.effect = effect
    }

    /// The pause before the next try, or nil when there is none; `spread` is 0.5–1.5, so that many callers that failed
    /// together do not come back together.
    mutating func pause(after failure: GoogleFailure, spread: Double) -> Duration? {
        guard attempt < Self.maximumAttempts, mayRepeat(failure) else { return nil }
        let grown = min(Self.firstPause * (1 << (attempt - 1)), Self.longestPause) * spread
        attempt += 1
        return max(grown, failure.retryAfter ?? .zero)
    }

    private mutating func mayRepeat(_ failure: GoogleFailure) -> Bool {
        switch failure.code {
        case .rateLimited, .unreachable: return true
        case .unavailable, .deadlineExceeded: return effect == .idempotent
        case .internalError:
            // Google's Datastore documentation, "Errors and error handling": not more than once.
            defer { hadInternalError = true }
            return effect == .idempotent && !hadInternalError
        default: return false
        }
    }
}
