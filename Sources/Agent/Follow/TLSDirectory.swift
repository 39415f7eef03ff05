package import FleetModel
import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder beside ProxySQL with the files that rows of `mysql_servers_ssl_params` name.
///
/// A file appears whole or not at all, even if the machine stops: it is written under another name, brought to the disk,
/// and renamed. It never changes afterwards, because its name holds a hash of its content.
package struct TLSDirectory: Sendable {
    /// Why a file could not be written or removed; never what is in it.
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

    /// Its path.
    package let path: String
    private let after: @Sendable (Step) throws -> Void

    /// The folder at `path`, which is made when the first file is written; `after` is for tests.
    package init(path: String, after: @escaping @Sendable (Step) throws -> Void = { _ in }) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.after = after
    }

    /// The names of our files that are there, whole.
    package var names: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: path))?.filter(TLSFile.isOurs) ?? [])
    }

    /// Writes each of `files` that is not there as it should be.
    /// - Throws: `Problem`: then none of the later ones was written.
    package func put(_ files: [String: Secret]) throws(Problem) {
        let wanted = files.sorted { $0.key < $1.key }
        for (name, content) in wanted { try check(name, content) }
        var isMade = false
        for (name, content) in wanted
        where (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) != content.reveal() {
            if !isMade { try make() }
            isMade = true
            do {
                try write(name, content)
            } catch let problem as Problem {
                throw problem
            } catch {
                throw Problem(description: "\(path)/\(name) was not written")
            }
        }
    }

    /// Removes our files except those in `kept`, and what an interrupted writing left.
    package func remove(except kept: Set<String>) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            let isLeftOver = name.hasPrefix(".") && TLSFile.isOurs(String(name.dropFirst()))
            if isLeftOver || TLSFile.isOurs(name) && !kept.contains(name) { unlink("\(path)/\(name)") }
        }
    }

    private func check(_ name: String, _ content: Secret) throws(Problem) {
        guard TLSFile.isOurs(name) else { throw Problem(description: "a file may not have the name \(name)") }
        do throws(InvalidPEM) {
            if name.hasSuffix(".key.pem") {
                _ = try PEMText.key(content)
            } else {
                _ = try PEMText.certificates(content.reveal())
            }
        } catch {
            throw Problem(description: "\(name) is not usable: \(error)")
        }
    }

    private func make() throws(Problem) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw Problem(
                description:
                    "\(path) cannot be made (\(reason)); make it for the agent's user, or set agent.tls.directory")
        }
    }

    private func write(_ name: String, _ content: Secret) throws {
        let temporary = "\(path)/.\(name)"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Problem(description: "\(temporary) cannot be made (\(reason))") }
        defer { close(file) }
        try after(.created)
        var rest = Array(content.reveal().utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Self.write(file, $0) }
            guard count > 0 else { throw Problem(description: "\(temporary) cannot be written (\(reason))") }
            rest = rest.dropFirst(count)
        }
        try after(.written)
        guard fsync(file) == 0 else { throw Problem(description: "\(temporary) cannot be synced (\(reason))") }
        try after(.synced)
        guard rename(temporary, "\(path)/\(name)") == 0 else {
            throw Problem(description: "\(temporary) cannot be renamed (\(reason))")
        }
        try after(.renamed)
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Problem(description: "\(path) cannot be opened (\(reason))") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw Problem(description: "\(path) cannot be synced (\(reason))") }
        try after(.directorySynced)
    }

    private static func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(file, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(file, bytes.baseAddress, bytes.count)
        #endif
    }

    private var reason: String { String(cString: strerror(errno)) }
}
