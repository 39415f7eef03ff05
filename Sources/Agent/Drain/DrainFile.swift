#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The file whose presence means: draining.
///
/// One that a drain wrote carries a mark, so that the next start can tell it from one that an operator made by hand.
package struct DrainFile: Sendable {
    private static let mark = "drover drain"
    private let path: String

    /// The file at `path`; an empty path means there is none.
    package init(path: String) {
        self.path = path
    }

    /// Whether it is there.
    package var exists: Bool { !path.isEmpty && FileManager.default.fileExists(atPath: path) }

    /// Whether it is there and a drain wrote it.
    package var isOurs: Bool {
        exists && ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").hasPrefix(Self.mark)
    }

    /// Writes it; one that is there already stays as it is.
    /// - Throws: when the folder is missing or may not be written to.
    package func write() throws {
        guard !path.isEmpty, !exists else { return }
        try Data("\(Self.mark)\n".utf8).write(to: URL(fileURLWithPath: path))
    }

    /// Removes it if a drain wrote it; tells whether there was such a file.
    package func removeOurs() -> Bool {
        guard isOurs else { return false }
        do {
            try FileManager.default.removeItem(atPath: path)
            return true
        } catch {
            return false
        }
    }
}
