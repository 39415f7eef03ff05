package import FleetModel
import NIOSSL

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A certificate that clients of ProxySQL, and of its admin interface, are to be shown; checked.
package struct FrontendCertificate: Sendable {
    /// Why a folder holds none.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// One sentence, never what is in a file.
        package var description: String
    }

    /// The names under which ProxySQL looks for them in its data directory (ProxySQL documentation, "SSL
    /// Configuration for frontends"): the key first, because the certificate is what is looked at last.
    package static let names = ["proxysql-key.pem", "proxysql-ca.pem", "proxysql-cert.pem"]

    /// What is in the files, by name.
    package let files: [String: Secret]
    /// The certificate itself, DER.
    package let leaf: [UInt8]
    /// When it ends.
    package let expiresAt: Timestamp

    /// Reads the three files of `folder`, for example of a mounted Secret.
    /// - Returns: nil while none of them is there.
    /// - Throws: `Problem`, when they are incomplete, no PEM, or do not belong together.
    package static func read(_ folder: String) throws(Problem) -> FrontendCertificate? {
        var found: [String: Secret] = [:]
        for name in names {
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
            guard data.count <= PEMText.maximumBytes else {
                throw Problem(description: "\(folder)/\(name) is longer than \(PEMText.maximumBytes) bytes")
            }
            found[name] = Secret(String(decoding: data, as: UTF8.self))
        }
        guard !found.isEmpty else { return nil }
        for name in names where found[name] == nil {
            throw Problem(description: "\(folder) has no \(name); ProxySQL needs all three")
        }
        return try FrontendCertificate(found)
    }

    /// Checks `files`, which must have all three names.
    package init(_ files: [String: Secret]) throws(Problem) {
        func text(_ name: String) -> Secret { files[name] ?? Secret("") }
        do {
            _ = try PEMText.certificates(text("proxysql-ca.pem").reveal())
            let chain = try PEMText.certificates(text("proxysql-cert.pem").reveal())
            let key = try PEMText.key(text("proxysql-key.pem"))
            let certificates = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8))
            let privateKey = try NIOSSLPrivateKey(bytes: Array(key.reveal().utf8), format: .pem)
            // The library refuses a key of another certificate here.
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey)))
            guard let first = certificates.first else { throw Problem(description: "there is no certificate") }
            leaf = try first.toDERBytes()
            expiresAt = Timestamp(secondsSinceEpoch: Int64(first.notValidAfter))
        } catch let error as InvalidPEM {
            throw Problem(description: "the certificate for clients is not usable: \(error)")
        } catch let error as Problem {
            throw error
        } catch {
            throw Problem(description: "the certificate for clients is not usable, or its key is another's")
        }
        self.files = files
    }
}

/// What is to be done about the certificate that clients are shown.
package enum CertificateStep: Hashable, Sendable {
    /// The node shows it, and has its files.
    case none
    /// The files are others: write them, reload, look again.
    case write
    /// The files are right and something else is shown: reload, look again.
    case reload

    /// Decides by what is wanted, what is in ProxySQL's data directory and what is shown; nil when that could not be seen.
    package static func next(wanted: FrontendCertificate, present: [String: Secret], shown: [UInt8]?) -> CertificateStep
    {
        guard wanted.files == present else { return .write }
        return shown == wanted.leaf ? .none : .reload
    }
}
