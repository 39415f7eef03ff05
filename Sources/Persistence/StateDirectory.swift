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
    /// What was found wrong with the folder and mended, or could not be, as a sentence; nil when nothing was.
    package let notice: String?
    private let lock: Int32

    /// Makes the folder if need be and takes it, unless `asGuest`. Nobody but its owner may enter it (mode 0700), whatever
    /// the umask and however it was made: what is in it has users' passwords.
    /// - Throws: `StoreError.unavailable` when it cannot be made, or when another process owns it.
    package init(path: String, asGuest: Bool = false) throws(StoreError) {
        self.path = path
        isOwned = !asGuest
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .unavailable(
                reason: "the state directory \(path) cannot be made: \(Self.lastError()); name another one")
        }
        notice = Self.tighten(path)
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

    /// Why the folder could not be taken, as far as that shows without making or taking it; nil where it could. That
    /// another process owns it is no complaint.
    package static func complaint(about path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT, !path.isEmpty else {
                return "the state directory \"\(path)\" cannot be made: \(lastError())"
            }
            let name = path.reversed().drop { $0 == "/" }
            let above = String(name.drop { $0 != "/" }.reversed())
            let parent = above.isEmpty ? "." : above
            return access(parent, W_OK | X_OK) == 0
                ? nil : "the state directory \(path) cannot be made: \(lastError()); name another one"
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "the state directory \(path) is no folder" }
        return access(path, W_OK | X_OK) == 0
            ? nil : "the state directory \(path) cannot be written: \(lastError())"
    }

    /// Takes the folder's rights from everybody but its owner.
    /// - Returns: a sentence about rights that were wider.
    private static func tighten(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return nil }
        let mode = String(status.st_mode & 0o7777, radix: 8)
        // A volume that Kubernetes mounts for a group belongs to root; its files are still our own.
        guard status.st_uid == geteuid(), chmod(path, 0o700) == 0 else {
            return "the state directory \(path) has mode \(mode) and belongs to another user, so its rights stay; its "
                + "files are readable by this user only"
        }
        return "the state directory \(path) had mode \(mode) and now has 700: its files hold users' passwords"
    }

    /// The path of a database in the folder, which exists then and which only its owner may read (mode 0600), as may
    /// the files that SQLite keeps beside it: they get the database's mode when they are made.
    /// - Throws: `StoreError.unavailable` when it cannot be made.
    func file(_ name: String) throws(StoreError) -> String {
        let file = "\(path)/\(name)"
        // Only made, never opened where it exists: closing it would end the locks that SQLite has on it in this process.
        let descriptor = open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 || errno == EEXIST else {
            throw .unavailable(reason: "\(file) cannot be made: \(Self.lastError())")
        }
        if descriptor >= 0 { close(descriptor) }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // One that is somebody else's fails, and is theirs to close.
            _ = chmod(file + suffix, 0o600)
        }
        return file
    }

    deinit {
        close(lock)
    }

    private static func lastError() -> String {
        String(cString: strerror(errno))
    }
}
