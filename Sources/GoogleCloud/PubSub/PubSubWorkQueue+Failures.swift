import FleetModel

extension PubSubWorkQueue {
    /// Runs `body` and says what was attempted, and what to do, when it fails.
    static func sorted<Value>(
        _ what: String, needs role: String, _ body: () async throws(GoogleFailure) -> Value
    ) async throws(StoreError) -> Value {
        do throws(GoogleFailure) {
            return try await body()
        } catch {
            let advice =
                switch error.code {
                case .permissionDenied, .unauthenticated: "; grant the service account \(role)"
                case .notFound: "; create it, for example with 'drover setup google'"
                default: ""
                }
            throw .unavailable(reason: "\(what): \(error)\(advice)")
        }
    }
}
