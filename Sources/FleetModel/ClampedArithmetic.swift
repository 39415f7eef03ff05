// Arithmetic on numbers from outside: what would overflow ends at the bound, because a trap ends the whole process.

extension FixedWidthInteger {
    /// The sum, or the bound that it would pass.
    package func clampedSum(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The product, or the bound that it would pass.
    package func clampedProduct(_ other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// The number, or the bound of `range` that it passes.
    package func clamped(to range: ClosedRange<Self>) -> Self {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }

    /// `number` without its fraction, or the bound that it passes; 0 for what is no number.
    package init(clamping number: Double) {
        if let exact = Self(exactly: number.rounded(.towardZero)) {
            self = exact
        } else {
            self = number.isNaN ? 0 : number < 0 ? .min : .max
        }
    }
}

/// What a document may say: one that was written by nobody of ours, or went bad, is read as the nearest number that
/// everything behind it can count with.
enum DocumentRange {
    /// Hostgroups and rule ids: a column INT of ProxySQL.
    static let id = 0...Int(Int32.max)
    /// Generations: whole numbers that every reader of JSON keeps exact.
    static let generation: ClosedRange<Int64> = 0...1 << 53
    /// Weights and limits of connections (ProxySQL 2.7 `mysql_servers`).
    static let amount = 0...10_000_000
    /// TCP ports; 0 is a socket's path to ProxySQL.
    static let port = 0...65_535
}
