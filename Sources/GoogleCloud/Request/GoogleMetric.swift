package import Observability

/// What is counted of calls of Google's APIs.
package enum GoogleMetric: String, MetricName {
    /// Calls of Google's APIs that failed, each try by itself, by code.
    case failures = "drover_google_failures_total"
    /// Datastore transactions that lost against another writer and were run again.
    case transactionsLost = "drover_datastore_transactions_lost_total"
    /// Messages that nobody could handle and that were put aside.
    case deadLetters = "drover_queue_dead_letters_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .failures:
            MetricDefinition(
                .counter, "calls", labels: ["code"],
                "Calls of Google's APIs that failed, each try by itself, by code.",
                begins: GoogleFailure.Code.allCases.map { [$0.rawValue] })
        case .transactionsLost:
            MetricDefinition(
                .counter, "transactions",
                "Datastore transactions that lost against another writer and were run again.")
        case .deadLetters:
            MetricDefinition(
                .counter, "messages",
                "Messages that nobody could handle and that were put aside.")
        }
    }
}
