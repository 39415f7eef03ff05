import FleetModel
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The groups as they were decoded last.
///
/// Every pass of the scaler and every change of the API reads all groups, of which hardly any has changed since. A
/// record stands for exactly the bytes that it was made of, so that nothing has to be told of what others write.
final class DecodedGroups: Sendable {
    private let known = Mutex<[String: (bytes: Data, record: GroupRecord)]>([:])

    /// The record in `bytes`, decoded only when they are not those of the last time.
    func record(
        _ name: String, _ bytes: Data, else decode: () throws(StoreError) -> GroupRecord
    ) throws(StoreError) -> GroupRecord {
        if let (last, record) = known.withLock({ $0[name] }), last == bytes { return record }
        let record = try decode()
        known.withLock { $0[name] = (bytes, record) }
        return record
    }

    /// Forgets a group that there is no more.
    func forget(_ name: InstanceName) {
        known.withLock { $0[name.text] = nil }
    }
}
