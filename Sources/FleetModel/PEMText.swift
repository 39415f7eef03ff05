/// Why a text is not the PEM that is needed; the text itself is never in it.
package struct InvalidPEM: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence.
    package var description: String
}

/// A text of PEM blocks (RFC 7468), checked for its form: what is inside is for the TLS library to judge.
package struct PEMText: Hashable, Sendable {
    /// Longer texts are refused: a chain of certificates takes a few kilobytes.
    package static let maximumBytes = 64 << 10
    /// More blocks are refused.
    package static let maximumBlocks = 32

    /// One block.
    package struct Block: Hashable, Sendable {
        /// What stands after `BEGIN`.
        package var label: String
        /// The block with its two lines of dashes, without a line's end after the last.
        package var text: String
    }

    /// The blocks, in order.
    package private(set) var blocks: [Block] = []

    /// Reads `text`; what stands between the blocks is left out.
    /// - Throws: `InvalidPEM`, when a block does not end, ends as another, is no base64, or there are too many.
    package init(_ text: String) throws(InvalidPEM) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw InvalidPEM(description: "it is longer than \(Self.maximumBytes) bytes")
        }
        var open: (label: String, lines: [Substring])?
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let line = Self.trimmed(line)
            if let label = Self.label(line, "BEGIN") {
                guard open == nil else { throw InvalidPEM(description: "a block begins inside another") }
                open = (label, [])
            } else if let label = Self.label(line, "END") {
                guard let ended = open, ended.label == label else {
                    throw InvalidPEM(description: "a block ends that did not begin")
                }
                guard !ended.lines.isEmpty else { throw InvalidPEM(description: "a block is empty") }
                let body = ended.lines.joined(separator: "\n")
                blocks.append(
                    Block(label: label, text: "-----BEGIN \(label)-----\n\(body)\n-----END \(label)-----"))
                guard blocks.count <= Self.maximumBlocks else {
                    throw InvalidPEM(description: "it has more than \(Self.maximumBlocks) blocks")
                }
                open = nil
            } else if open != nil, !line.isEmpty {
                guard line.utf8.allSatisfy(Self.isBase64) else {
                    throw InvalidPEM(description: "a block holds something that is not base64")
                }
                open?.lines.append(line)
            }
        }
        guard open == nil else { throw InvalidPEM(description: "a block does not end") }
    }

    /// One or more certificates and nothing else, one after another without what stood between them.
    package static func certificates(_ text: String) throws(InvalidPEM) -> String {
        let blocks = try PEMText(text).blocks
        guard !blocks.isEmpty else { throw InvalidPEM(description: "there is no certificate in it") }
        guard blocks.allSatisfy({ $0.label == "CERTIFICATE" }) else {
            throw InvalidPEM(description: "there is something else than certificates in it")
        }
        return joined(blocks)
    }

    /// Exactly one private key without a passphrase, and nothing else.
    package static func key(_ text: Secret) throws(InvalidPEM) -> Secret {
        let blocks = try PEMText(text.reveal()).blocks
        let labels: Set<String> = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        guard blocks.count == 1, let only = blocks.first else {
            throw InvalidPEM(description: "there must be exactly one private key in it, and there are \(blocks.count)")
        }
        guard labels.contains(only.label) else {
            throw InvalidPEM(description: "it is not a private key that can be used without a passphrase")
        }
        return Secret(joined(blocks))
    }

    private static func joined(_ blocks: [Block]) -> String { blocks.map(\.text).joined(separator: "\n") + "\n" }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line.drop { $0 == " " || $0 == "\t" }
        while line.last == " " || line.last == "\t" { line = line.dropLast() }
        return line
    }

    private static func label(_ line: Substring, _ word: String) -> String? {
        guard line.hasPrefix("-----\(word) "), line.hasSuffix("-----"), line.count > word.count + 11 else { return nil }
        return String(line.dropFirst(word.count + 6).dropLast(5))
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
