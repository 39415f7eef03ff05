import FakeProxySQL
import FleetModel
import Foundation
import MySQLWire
import Pacing
import TestSupport
import Testing

@testable import Agent

/// The files of a certificate of its own, made by openssl.
private func makeCertificate(_ name: String) throws -> [String: Secret] {
    let folder = NSTemporaryDirectory() + "drover-certificate-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=\(name)", "-keyout", "\(folder)/k", "-out", "\(folder)/c",
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let certificate = Secret(try String(contentsOfFile: "\(folder)/c", encoding: .utf8))
    return [
        "proxysql-ca.pem": certificate, "proxysql-cert.pem": certificate,
        "proxysql-key.pem": Secret(try String(contentsOfFile: "\(folder)/k", encoding: .utf8)),
    ]
}

private func write(_ files: [String: Secret], to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, content) in files {
        try content.reveal().write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
}

@Suite(
    "The certificate that clients are shown",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")),
    .timeLimit(.minutes(2)))
struct CertificateTests {
    private func path(_ word: String) -> String { NSTemporaryDirectory() + "drover-\(word)-\(UUID().uuidString)" }

    @Test("what does not belong together, is broken, huge or two keys is refused without being shown")
    func hostile() throws {
        let good = try makeCertificate("a")
        let other = try makeCertificate("b")
        _ = try FrontendCertificate(good)
        var files: [[String: Secret]] = []
        for (name, content) in [
            ("proxysql-key.pem", other["proxysql-key.pem"]), ("proxysql-cert.pem", other["proxysql-cert.pem"]),
            ("proxysql-cert.pem", Secret("hush")), ("proxysql-ca.pem", Secret("hush")),
            ("proxysql-key.pem", good["proxysql-key.pem"].map { Secret($0.reveal() + $0.reveal()) }),
            (
                "proxysql-cert.pem",
                Secret("-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n")
            ), ("proxysql-ca.pem", Secret(String(repeating: "A", count: 100_000))),
        ] {
            var bad = good
            bad[name] = content
            files.append(bad)
        }
        for bad in files {
            let error = #expect(throws: FrontendCertificate.Problem.self) { try FrontendCertificate(bad) }
            #expect(error?.description.contains("hush") == false)
        }
        let folder = path("source")
        let none = try FrontendCertificate.read(folder)
        #expect(none == nil)
        try write(good.filter { $0.key != "proxysql-ca.pem" }, to: folder)
        #expect(throws: FrontendCertificate.Problem.self) { try FrontendCertificate.read(folder) }
    }

    @Test("files that are right and a port that shows another certificate mean a reload; other files mean writing")
    func steps() throws {
        let wanted = try FrontendCertificate(try makeCertificate("a"))
        #expect(CertificateStep.next(wanted: wanted, present: wanted.files, shown: wanted.leaf) == .none)
        #expect(CertificateStep.next(wanted: wanted, present: wanted.files, shown: [1]) == .reload)
        #expect(CertificateStep.next(wanted: wanted, present: wanted.files, shown: nil) == .reload)
        #expect(CertificateStep.next(wanted: wanted, present: [:], shown: wanted.leaf) == .write)
    }

    @Test("a new certificate is shown, a broken one leaves the one that is shown, and the status says which it is")
    func shown() async throws {
        let (data, source) = (path("data"), path("source"))
        let first = try makeCertificate("first")
        try write(first, to: data)
        var configuration = freeNode("a")
        configuration.dataDirectory = data
        try await withNode(configuration) { fake in
            try await withAgent(
                fake,
                [
                    "agent.tls.certificate-directory": source, "agent.tls.data-directory": data,
                    "agent.tls.shown-at": "\(fake.mysqlEndpoint)", "agent.tls.interval-seconds": "0.05",
                ]
            ) { agent in
                func leaf() async throws -> [UInt8] {
                    try await ServedCertificate.read(
                        host: fake.mysqlEndpoint.host, port: fake.mysqlEndpoint.port, timeout: .seconds(5))
                }
                var status = try await agent.status { ($0["certificate"] as? String)?.contains("none") == true }
                #expect((status["certificate"] as? String)?.contains("none") == true)
                let second = try makeCertificate("second")
                try write(second, to: source)
                status = try await agent.status { $0["certificate"] as? String == "current" }
                #expect(status["certificate"] as? String == "current")
                let wanted = try FrontendCertificate(second)
                #expect(try await leaf() == wanted.leaf)
                let mode = try FileManager.default.attributesOfItem(atPath: "\(data)/proxysql-key.pem")
                #expect(mode[.posixPermissions] as? Int == 0o600)
                try write(["proxysql-key.pem": first["proxysql-key.pem"] ?? Secret("")], to: source)
                status = try await agent.status { $0["certificate"] as? String != "current" }
                #expect((status["certificate"] as? String)?.contains("another's") == true)
                #expect(try await leaf() == wanted.leaf)
                #expect(!fake.statements.contains { $0.text.contains("PRIVATE") })
            }
        }
    }
}
