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
    /// Why a file could not be written; never what is in it.
    package typealias Problem = DurableFile.Problem
    /// What happens to a file.
    package typealias Step = DurableFile.Step

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
            try DurableFile(folder: path, name: name, after: after).write(content)
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
                    "\(path) cannot be made (\(DurableFile.reason)); make it for the agent's user, or set agent.tls.directory"
            )
        }
    }
}
