/// Monotonic time since it was made, of any clock.
package struct Stopwatch: Sendable {
    private let read: @Sendable () -> Duration

    /// Begins at zero.
    package init(_ clock: some Clock<Duration>) {
        let start = clock.now
        read = { start.duration(to: clock.now) }
    }

    /// The time since it was made.
    package var elapsed: Duration { read() }
}
