import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Timestamp {
    /// The moment as RFC 3339 in UTC, whole seconds.
    package var iso8601: String {
        Date(timeIntervalSince1970: Double(secondsSinceEpoch)).formatted(.iso8601)
    }
}
