#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import FleetModel

/// A folder that one process at a time owns; the kernel gives it free when that process ends, however it ends. Guests
/// work in it beside the owner: SQLite keeps their transactions apart.
package final class StateDirectory: Sendable {
    /// The folder's path.
    package let path: String
    /// Whether this process owns it.
    let isOwned: Bool
    private let lock: Int32

    /// Makes the folder if need be (mode 0700) and takes it, unless `asGuest`.
    /// - Throws: `StoreError.unavailable` when it cannot be made, or when another process owns it.
    package init(path: String, asGuest: Bool = false) throws(StoreError) {
        self.path = path
        isOwned = !asGuest
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .unavailable(
                reason: "the state directory \(path) cannot be made: \(Self.lastError()); name another one")
        }
        lock = open("\(path)/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw .unavailable(reason: "the state directory \(path) cannot be written: \(Self.lastError())")
        }
        guard asGuest || flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw .unavailable(
                reason: "the state directory \(path) is in use by another drover; stop that one or name another folder")
        }
    }

    deinit {
        close(lock)
    }

    private static func lastError() -> String {
        String(cString: strerror(errno))
    }
}
