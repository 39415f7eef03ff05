import Crypto
import FleetModel
import Foundations
package import Logging
package import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Static bearer tokens, one a line: name, role (read, operate or admin) and the token or `sha256:` and its digest in
/// hexadecimal. Empty lines and lines that begin with `#` are skipped.
///
/// The file is read again when it changes; one that cannot be used leaves the tokens in force that were.
package final class TokenFile: Sendable {
    private struct Entry: Sendable {
        var caller: Caller
        var digest: SHA256Digest
    }

    private struct State {
        var text = ""
        var entries: [Entry] = []
        var lookedAt: Timestamp
    }

    private let path: String
    private let wallClock: any WallClock
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the file at `path`.
    /// - Throws: a sentence that names the line, never a token.
    package init(path: String, wallClock: any WallClock, logger: Logger) throws(TokenFileError) {
        self.path = path
        self.wallClock = wallClock
        self.logger = logger
        let text = try Self.read(path)
        state = Mutex(State(text: text, entries: try Self.parse(text, path), lookedAt: wallClock.now()))
    }

    /// Whose token it is; nil for nobody's. Takes as long for every token.
    func caller(_ token: String) -> Caller? {
        let digest = SHA256.hash(data: Array(token.utf8))
        let entries = state.withLock { state in
            look(&state)
            return state.entries
        }
        var found: Caller?
        for entry in entries where entry.digest == digest { found = entry.caller }
        return found
    }

    private func look(_ state: inout State) {
        let now = wallClock.now()
        guard now.since(state.lookedAt) >= .seconds(1) || now < state.lookedAt else { return }
        state.lookedAt = now
        do throws(TokenFileError) {
            let text = try Self.read(path)
            guard text != state.text else { return }
            state.text = text
            state.entries = try Self.parse(text, path)
            logger.info("tokens read again", metadata: ["tokens.count": "\(state.entries.count)"])
        } catch {
            logger.error("tokens not read again", metadata: ["error": "\(error)"])
        }
    }

    private static func read(_ path: String) throws(TokenFileError) -> String {
        do throws(UnusableFile) {
            return try InputFile.existingText(path)
        } catch {
            throw TokenFileError("the token file \(path) cannot be read: \(error); name another by api.token-file")
        }
    }

    private static func parse(_ text: String, _ path: String) throws(TokenFileError) -> [Entry] {
        var entries: [Entry] = []
        for (index, line) in OutsideText.lines(text).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3, let role = Caller.Role(rawValue: words[1]) else {
                throw TokenFileError(
                    "line \(index + 1) of \(path) must be a name, read, operate or admin, and a token")
            }
            guard let digest = digest(words[2]) else {
                throw TokenFileError(
                    "the token in line \(index + 1) of \(path) must have 16 characters or more, or be sha256: and 64 "
                        + "hexadecimal digits")
            }
            entries.append(Entry(caller: Caller(name: first, role: role), digest: digest))
        }
        return entries
    }

    private static func digest(_ token: String) -> SHA256Digest? {
        guard token.hasPrefix("sha256:") else {
            return token.utf8.count >= 16 ? SHA256.hash(data: Array(token.utf8)) : nil
        }
        var bytes: [UInt8] = []
        var rest = token.dropFirst("sha256:".count)
        while !rest.isEmpty {
            guard rest.count >= 2, rest.prefix(2).allSatisfy(\.isHexDigit), let byte = UInt8(rest.prefix(2), radix: 16)
            else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes.count == SHA256Digest.byteCount ? bytes.withUnsafeBytes { $0.load(as: SHA256Digest.self) } : nil
    }
}

/// What is wrong with a token file.
package struct TokenFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What, and what to do.
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
