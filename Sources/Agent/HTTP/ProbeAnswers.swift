import Synchronization

/// What each probe was answered last.
final class ProbeAnswers: Sendable {
    private let last = Mutex<[HealthPolicy.Probe: Bool]>([:])

    /// Keeps an answer, and tells whether it differs from the one before; a probe that was never asked did not pass.
    func isNew(_ passes: Bool, of probe: HealthPolicy.Probe) -> Bool {
        last.withLock { ($0.updateValue(passes, forKey: probe) ?? false) != passes }
    }
}
