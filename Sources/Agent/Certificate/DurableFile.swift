import FleetModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that appears whole or not at all, even if the machine stops: it is written under another name, brought to the
/// disk, and renamed. Only its owner may read it.
package struct DurableFile: Sendable {
    /// Why a file could not be written; never what is in it.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// One sentence.
        package var description: String
    }

    /// What happens to a file, in order: a test may end the agent after each.
    package enum Step: Hashable, Sendable, CaseIterable {
        /// The file with the other name is there, empty.
        case created
        /// It holds everything.
        case written
        /// It is on the disk.
        case synced
        /// It has its name.
        case renamed
        /// So it has on the disk.
        case directorySynced
    }

    /// Its folder.
    let folder: String
    /// Its name.
    let name: String
    /// Told of each step; what it throws ends the writing there.
    let after: @Sendable (Step) throws -> Void

    /// Writes `content`.
    /// - Throws: `Problem`.
    func write(_ content: Secret) throws(Problem) {
        do {
            try steps(content)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(description: "\(folder)/\(name) was not written")
        }
    }

    private func steps(_ content: Secret) throws {
        let temporary = "\(folder)/.\(name)"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Problem(description: "\(temporary) cannot be made (\(Self.reason))") }
        defer { close(file) }
        try after(.created)
        var rest = Array(content.reveal().utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Self.put(file, $0) }
            guard count > 0 else { throw Problem(description: "\(temporary) cannot be written (\(Self.reason))") }
            rest = rest.dropFirst(count)
        }
        try after(.written)
        guard fsync(file) == 0 else { throw Problem(description: "\(temporary) cannot be synced (\(Self.reason))") }
        try after(.synced)
        guard rename(temporary, "\(folder)/\(name)") == 0 else {
            throw Problem(description: "\(temporary) cannot be renamed (\(Self.reason))")
        }
        try after(.renamed)
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Problem(description: "\(folder) cannot be opened (\(Self.reason))") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Problem(description: "\(folder) cannot be synced (\(Self.reason))") }
        try after(.directorySynced)
    }

    private static func put(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(file, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(file, bytes.baseAddress, bytes.count)
        #endif
    }

    /// The last failure of the system, in words.
    static var reason: String { String(cString: strerror(errno)) }
}
