import FleetModel

/// What a failure of the Cloud SQL Admin API means for whoever scales (Cloud SQL documentation, "Error messages").
enum CloudSQLFailure {
    /// Runs `body` and sorts its failure.
    static func sorted<Value>(
        _ body: () async throws(GoogleFailure) -> Value
    ) async throws(ProviderError) -> Value {
        do throws(GoogleFailure) {
            return try await body()
        } catch {
            throw ProviderError(code(error), error.description)
        }
    }

    static func code(_ failure: GoogleFailure) -> ProviderError.Code {
        switch failure.code {
        case .alreadyExists: .alreadyExists
        case .notFound: .notFound
        case .rateLimited: .rateLimited
        case .quotaExceeded: .quotaExceeded
        case .permissionDenied, .unauthenticated: .permissionDenied
        case .aborted: .operationInProgress
        case .failedPrecondition:
            GoogleErrorAnswer.normalized(failure.reason) == "protectedinstancedeletionfailure"
                ? .notOurs : .operationInProgress
        case .invalid: .invalid
        case .unreachable, .unavailable, .internalError, .deadlineExceeded, .unreadable: .unavailable
        }
    }
}
