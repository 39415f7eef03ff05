import FleetModel
import Synchronization

/// Which token of leadership this process acts under.
///
/// Each save carries it, and each record keeps the highest that was ever seen. As a save also names the version that it
/// read, a scaler that lost the lead cannot write over its successor, whatever it still believes.
package final class Fence: Sendable {
    private let token = Mutex<Int64?>(nil)

    /// Makes the fence of a process that does not lead.
    package init() {}

    /// The present token; nil while this process does not lead.
    package var current: Int64? { token.withLock { $0 } }

    /// Takes or gives up the lead.
    package func set(_ value: Int64?) {
        token.withLock { $0 = value }
    }

    /// Puts the token on a record that is about to be saved.
    /// - Throws: `StoreError.fenced` when this process does not lead, or another one led since.
    func stamp(_ record: inout GroupRecord) throws(StoreError) {
        guard let current else { throw .fenced(document: "group \(record.name)") }
        guard current >= record.fence ?? 0 else { throw .fenced(document: "group \(record.name)") }
        record.fence = current
    }
}
