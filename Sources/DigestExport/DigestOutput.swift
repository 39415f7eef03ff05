#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the bytes of one dump go. Nobody sees a part of it: `commit` makes the whole visible, `abandon` nothing.
package protocol DigestOutput: AnyObject {
    /// Takes bytes over.
    func write(_ bytes: ArraySlice<UInt8>) throws(DigestError)
    /// Makes what was written durable and visible under its name.
    func commit() throws(DigestError)
    /// Forgets what was written.
    func abandon()
}

/// A file that has its name only once it is complete and on disk.
package final class DigestFile: DigestOutput {
    private let path: String
    private let partialPath: String
    private var descriptor: Int32

    /// Begins the file: bytes go to a hidden name beside it until `commit`.
    /// - Throws: `busy` while another process writes the same file, `unwritable` with the system's reason, or where
    ///   there is something that is no file: a rename would put a file in the place of a device.
    package init(path: String) throws(DigestError) {
        let path = try Self.place(path)
        self.path = path
        let (folder, name) = Self.split(path)
        partialPath = "\(folder)/.\(name).partial"
        descriptor = -1
        // Between opening and locking, the one who had the lock may have renamed the file: then it is another file.
        for _ in 0..<10 {
            let opened = open(partialPath, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard opened >= 0 else {
                throw DigestError(.unwritable, "\(path) cannot be written: \(Self.lastError())")
            }
            guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
                close(opened)
                throw DigestError(.busy, "another dump writes \(path)")
            }
            if Self.isSame(opened, partialPath) {
                descriptor = opened
                break
            }
            close(opened)
        }
        guard descriptor >= 0, ftruncate(descriptor, 0) == 0 else {
            throw DigestError(.busy, "other dumps write \(path) all the time")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    package func write(_ bytes: ArraySlice<UInt8>) throws(DigestError) {
        try Self.write(bytes, to: descriptor, named: path)
    }

    package func commit() throws(DigestError) {
        guard fsync(descriptor) == 0 else {
            throw DigestError(.unwritable, "\(path) could not be brought to disk: \(Self.lastError())")
        }
        guard rename(partialPath, path) == 0 else {
            throw DigestError(.unwritable, "\(path) could not be given its name: \(Self.lastError())")
        }
        // The name is in the folder: until that is on disk too, a loss of power could take the file away again.
        let folder = open(Self.split(path).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            throw DigestError(.unwritable, "the folder of \(path) cannot be opened: \(Self.lastError())")
        }
        defer { close(folder) }
        guard fsync(folder) == 0 else {
            throw DigestError(.unwritable, "the name of \(path) could not be brought to disk: \(Self.lastError())")
        }
        close(descriptor)
        descriptor = -1
    }

    package func abandon() {
        guard descriptor >= 0 else { return }
        unlink(partialPath)
        close(descriptor)
        descriptor = -1
    }

    /// Writes all of `bytes`, or throws with the system's reason.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, named name: String) throws(DigestError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw DigestError(.unwritable, "\(name) could not be written: \(lastError())")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether there is something under `path`.
    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// The folder and the name in it.
    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
    }

    /// Where the file of that name is or will be: a link stays, what it leads to is replaced.
    private static func place(_ path: String) throws(DigestError) -> String {
        var named = stat()
        guard lstat(path, &named) == 0 else { return path }
        let isLink = named.st_mode & S_IFMT == S_IFLNK
        guard stat(path, &named) == 0 else {
            throw DigestError(.unwritable, "\(path) is a link that leads nowhere: \(lastError())")
        }
        guard named.st_mode & S_IFMT == S_IFREG else {
            throw DigestError(
                .unwritable, "\(path) is no file, and is left as it is; '--output -' writes to standard output")
        }
        guard isLink, let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
        var opened = stat()
        var named = stat()
        return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino
            && opened.st_dev == named.st_dev
    }

    private static func lastError() -> String {
        String(cString: strerror(errno))
    }
}

/// Standard output; what was written stays written.
package final class DigestPipe: DigestOutput {
    /// Takes the process's standard output.
    package init() {}

    package func write(_ bytes: ArraySlice<UInt8>) throws(DigestError) {
        try DigestFile.write(bytes, to: 1, named: "standard output")
    }

    package func commit() throws(DigestError) {}

    package func abandon() {}
}

/// The system's `write`, which a method of the same name hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
