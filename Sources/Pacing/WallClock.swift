package import FleetModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Tells the time of day; decisions get it passed in, so that tests can choose it.
package protocol WallClock: Sendable {
    /// The present moment.
    func now() -> Timestamp
}

/// The machine's own clock.
package struct SystemWallClock: WallClock {
    /// Makes the clock; it has no state.
    package init() {}

    /// The present moment by `CLOCK_REALTIME`.
    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(millisecondsSinceEpoch: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
