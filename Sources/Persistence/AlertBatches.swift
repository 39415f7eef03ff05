import FleetModel

/// Lets alerts that arrive together share one transaction, and so one wait for the disk.
///
/// Whoever finds nobody writing writes for all who came meanwhile, and then hands the pen to the next one who waits;
/// nobody returns before the transaction with its alert is on disk.
actor AlertBatches {
    typealias Answer = Result<Incident.Change, StoreError>

    private enum Turn {
        case answered(Answer)
        case writes
    }

    private struct Entry {
        var alert: Alert
        var now: Timestamp
        var turn: CheckedContinuation<Turn, Never>
    }

    /// More alerts than this are turned away, to come again later.
    private static let maximumWaiting = 1_000

    private var waiting: [Entry] = []
    private var isWriting = false

    /// Stores `alert` by a call of `write` that stores it alone or with others.
    func record(
        _ alert: Alert, at now: Timestamp, write: @Sendable ([(Alert, Timestamp)]) async -> [Answer]
    ) async -> Answer {
        guard waiting.count < Self.maximumWaiting else {
            return .failure(.unavailable(reason: "\(waiting.count) alerts already wait for the disk"))
        }
        if isWriting {
            let turn = await withCheckedContinuation { turn in
                waiting.append(Entry(alert: alert, now: now, turn: turn))
            }
            if case .answered(let answer) = turn { return answer }
        }
        isWriting = true
        let others = waiting
        waiting = []
        let answers = await write([(alert, now)] + others.map { ($0.alert, $0.now) })
        for (entry, answer) in zip(others, answers.dropFirst()) { entry.turn.resume(returning: .answered(answer)) }
        if waiting.isEmpty {
            isWriting = false
        } else {
            waiting.removeFirst().turn.resume(returning: .writes)
        }
        return answers.first ?? .failure(.unavailable(reason: "the alert was not written"))
    }
}
