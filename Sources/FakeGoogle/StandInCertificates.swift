import Crypto
import FleetModel
import JSONValues
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The certificates of one simulated instance: real ones, so that TLS libraries take them.
struct StandInCertificates: Sendable {
    /// A certificate with what Cloud SQL's `SslCert` says of it.
    struct Made: Sendable {
        var commonName: String
        var pem: String
        var fingerprint: String
        var createdAt: Timestamp
        var expiresAt: Timestamp

        /// `sql#sslCert`.
        func document(of instance: String) -> JSONValue {
            [
                "kind": "sql#sslCert", "cert": .string(pem), "certSerialNumber": "0", "commonName": .string(commonName),
                "sha1Fingerprint": .string(fingerprint), "instance": .string(instance),
                "createTime": .string(createdAt.rfc3339), "expirationTime": .string(expiresAt.rfc3339),
            ]
        }
    }

    /// A server CA signs for ten years, and so does a client certificate live (Cloud SQL documentation, "SSL/TLS
    /// certificates").
    private static let lifetime = Duration.seconds(10 * 365 * 86_400)
    private let key = P256.Signing.PrivateKey()
    private(set) var authorities: [Made] = []
    private(set) var clients: [Made] = []

    /// An instance's, with its first CA.
    init(at now: Timestamp) throws {
        try addAuthority(at: now)
    }

    /// The CA by which the instance's certificate is signed.
    var active: Made? { authorities.first }

    /// What `addServerCa` does: a CA that is to come.
    mutating func addAuthority(at now: Timestamp) throws {
        let own = P256.Signing.PrivateKey()
        authorities.append(
            try Self.certificate(
                "Google Cloud SQL Server CA", subjectKey: own.publicKey, issuerKey: own,
                issuer: "Google Cloud SQL Server CA", isAuthority: true, at: now))
    }

    /// What the end of a rotation does: the oldest CA goes.
    mutating func dropAuthority() {
        if authorities.count > 1 { authorities.removeFirst() }
    }

    /// A client certificate and its key.
    mutating func addClient(_ commonName: String, at now: Timestamp) throws -> (made: Made, key: String) {
        let own = P256.Signing.PrivateKey()
        let made = try Self.certificate(
            commonName, subjectKey: own.publicKey, issuerKey: key, issuer: "Google Cloud SQL Client CA",
            isAuthority: false, at: now)
        clients.append(made)
        return (made, own.pemRepresentation + "\n")
    }

    /// Takes one away; whether it was there.
    mutating func removeClient(_ fingerprint: String) -> Bool {
        let before = clients.count
        clients.removeAll { $0.fingerprint == fingerprint }
        return clients.count < before
    }

    private static func certificate(
        _ commonName: String, subjectKey: P256.Signing.PublicKey, issuerKey: P256.Signing.PrivateKey, issuer: String,
        isAuthority: Bool, at now: Timestamp
    ) throws -> Made {
        func name(_ commonName: String) throws -> DistinguishedName {
            try DistinguishedName {
                CommonName(commonName)
                OrganizationName("Simulated by drover")
            }
        }
        let end = now.advanced(by: lifetime)
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(subjectKey),
            notValidBefore: date(now), notValidAfter: date(end), issuer: try name(issuer),
            subject: try name(commonName), signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(
                    isAuthority ? BasicConstraints.isCertificateAuthority(maxPathLength: 0) : .notCertificateAuthority)
            }, issuerPrivateKey: .init(issuerKey))
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        let digest = Insecure.SHA1.hash(data: serializer.serializedBytes).map { byte in
            let text = String(byte, radix: 16)
            return text.utf8.count == 1 ? "0\(text)" : text
        }
        return Made(
            commonName: commonName, pem: try certificate.serializeAsPEM().pemString + "\n",
            fingerprint: digest.joined(), createdAt: now, expiresAt: end)
    }

    private static func date(_ moment: Timestamp) -> Date {
        Date(timeIntervalSince1970: Double(moment.millisecondsSinceEpoch) / 1_000)
    }
}
