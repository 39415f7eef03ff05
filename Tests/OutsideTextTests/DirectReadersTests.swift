import Foundation
import Testing

/// Text that people write is read by `InputFile` and split by `OutsideText`. Whoever reads a file otherwise stands here
/// with the reason.
@Suite("Files that are read directly")
struct DirectReadersTests {
    private static let reasons = [
        "Agent/Certificate/CertificateKeeper.swift": "bytes that the agent wrote, to compare",
        "Agent/Certificate/FrontendCertificate.swift": "bytes of certificates and keys, for the TLS library",
        "Agent/Core/MountedConfiguration.swift": "a document that the agent itself wrote",
        "Agent/Drain/DrainFile.swift": "a mark that the agent itself wrote",
        "Agent/Drain/DrainRecord.swift": "a document that the agent itself wrote",
        "Agent/Follow/TLSDirectory.swift": "files that the agent itself wrote, to compare",
        "Agent/Process/StartPages.swift": "the kernel's list of this process's memory",
        "GoogleCloud/Credentials/CredentialDocument.swift": "JSON, for the JSON reader",
        "GoogleCloud/Credentials/FederatedTokens.swift": "JSON, or a token without the white space around it",
        "KubernetesClient/KubernetesConfiguration.swift": "bytes, which become text as OutsideText makes it",
        "ManagementAPI/ServerTLS.swift": "bytes of certificates and keys, for the TLS library",
        "Pacing/SystemTimeZones.swift": "the system's binary files of time zones",
    ]

    /// Stand-ins and the sandbox read only what they wrote.
    private static let ours = ["Fake", "Sandbox", "Foundations"]

    private static func readers() throws -> Set<String> {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources").standardized
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var found: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let path = String(file.standardized.path.dropFirst(sources.path.count).drop { $0 == "/" })
            guard !ours.contains(where: path.hasPrefix) else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            let reads = [
                "String(contentsOf", "Data(contentsOf", "contents(atPath", "FileHandle(forReading",
                #"split(separator: "\n""#,
            ]
            if reads.contains(where: text.contains) { found.insert(path) }
        }
        return found
    }

    @Test("each has a reason, and each reason somebody who needs it")
    func directReaders() throws {
        let found = try Self.readers()
        #expect(found.subtracting(Self.reasons.keys).sorted() == [], "read by InputFile, or say why not")
        #expect(Set(Self.reasons.keys).subtracting(found).sorted() == [], "these read nothing directly any more")
    }
}
