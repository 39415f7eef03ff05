import SystemPackage

/// Why a file that somebody named cannot be used: the system's own words, or what it is instead of a text.
package struct UnusableFile: Error, Hashable, Sendable, CustomStringConvertible {
    /// For example `Permission denied` or `Is a directory`.
    package var reason: String

    /// Makes the error.
    package init(reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}

/// The small text files that people name in settings and on command lines.
package enum InputFile {
    /// More is no configuration, and `/dev/zero` has no end.
    private static let maximumBytes = 16 << 20

    /// The text of the file at `path`, which may be a pipe or `/dev/null`, as `OutsideText` makes it; nil when there is
    /// none.
    /// - Throws: why it cannot be read, for example that it is a folder, has over 16 MiB, or is not UTF-8.
    package static func text(_ path: String) throws(UnusableFile) -> String? {
        let bytes: [UInt8]
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            bytes = try file.closeAfter { try read(file) }
        } catch Errno.noSuchFileOrDirectory {
            return nil
        } catch let error as UnusableFile {
            throw error
        } catch {
            throw UnusableFile(reason: "\(error)")
        }
        return try OutsideText.text(bytes)
    }

    /// The text of a file that must be there.
    /// - Throws: as `text(_:)`, and when there is none.
    package static func existingText(_ path: String) throws(UnusableFile) -> String {
        guard let text = try text(path) else { throw UnusableFile(reason: "No such file or directory") }
        return text
    }

    private static func read(_ file: FileDescriptor) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            guard count > 0 else { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= maximumBytes else {
                throw UnusableFile(reason: "it has more than \(maximumBytes >> 20) MiB")
            }
        }
    }
}
