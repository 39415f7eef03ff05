/// How long things have lasted, when the wall clock may be set in between.
///
/// Durable records carry wall times, because a restarted process has nothing else. Within one process the steady clock
/// counts: the wall time says how old a thing was when the process first saw it, never less than zero, and from then
/// on it ages by the steady clock alone.
package struct Ages: Hashable, Sendable {
    private struct Sight: Hashable, Sendable {
        var since: Timestamp
        var age: Duration
        var at: Duration
    }

    private var seen: [String: Sight] = [:]
    private static let most = 4_096

    /// Makes the ages of things that were never seen.
    package init() {}

    /// The time since `since`, where `subject` entered its present state.
    /// - Parameters:
    ///   - now: the wall clock.
    ///   - elapsed: the steady clock's, from any beginning that stays.
    package mutating func age(
        of subject: String, since: Timestamp, now: Timestamp, elapsed: Duration
    ) -> Duration {
        if let known = seen[subject], known.since == since { return known.age + (elapsed - known.at) }
        let age = max(.zero, now.since(since))
        if seen.count >= Self.most { seen = [:] }
        seen[subject] = Sight(since: since, age: age, at: elapsed)
        return age
    }
}
