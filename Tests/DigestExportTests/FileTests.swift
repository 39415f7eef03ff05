import FleetModel
import Foundation
import Testing

@testable import DigestExport

/// A folder that goes away with the test.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "drover-dump-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

@Suite("Files appear whole or not at all")
struct FileTests {
    @Test("a file has its name only when it is complete, and replaces the one before")
    func commit() async throws {
        try await withFolder { folder in
            let path = "\(folder)/d.csv"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            let file = try DigestFile(path: path)
            try file.write(ArraySlice("new".utf8))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            try file.commit()
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
            #expect(try names(in: folder) == ["d.csv"])
        }
    }

    @Test("what is abandoned leaves nothing, and a part that a dead process left is taken over")
    func abandon() async throws {
        try await withFolder { folder in
            try String(repeating: "x", count: 99).write(
                toFile: "\(folder)/.d.csv.partial", atomically: false, encoding: .utf8)
            let file = try DigestFile(path: "\(folder)/d.csv")
            try file.write(ArraySlice("new".utf8))
            try file.commit()
            #expect(try String(contentsOfFile: "\(folder)/d.csv", encoding: .utf8) == "new")
            let other = try DigestFile(path: "\(folder)/e.csv")
            other.abandon()
            #expect(try names(in: folder) == ["d.csv"])
        }
    }

    @Test("two dumps cannot write the same file")
    func busy() async throws {
        try await withFolder { folder in
            let file = try DigestFile(path: "\(folder)/d.csv")
            #expect { _ = try DigestFile(path: "\(folder)/d.csv") } throws: {
                ($0 as? DigestError)?.code == .busy
            }
            file.abandon()
            try DigestFile(path: "\(folder)/d.csv").commit()
        }
    }

    @Test("a folder that is not there, and a full disk, are named")
    func unwritable() throws {
        #expect { _ = try DigestFile(path: "/nonexistent/d.csv") } throws: {
            "\($0)".contains("/nonexistent/d.csv cannot be written: No such file or directory")
        }
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        #expect { try DigestFile.write([1], to: full, named: "d.csv") } throws: {
            "\($0)".contains("d.csv could not be written: No space left on device")
        }
    }

    @Test("a file never takes the place of what is none, and a link stays one")
    func noFile() async throws {
        try await withFolder { folder in
            #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/device", withDestinationPath: "/dev/null")
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/nowhere", withDestinationPath: "\(folder)/none")
            for name in ["pipe", "device", "nowhere"] {
                #expect { _ = try DigestFile(path: "\(folder)/\(name)") } throws: {
                    ($0 as? DigestError)?.code == .unwritable
                }
            }
            #expect(try names(in: folder) == ["device", "nowhere", "pipe"])
            try "old".write(toFile: "\(folder)/real", atomically: false, encoding: .utf8)
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/link", withDestinationPath: "\(folder)/real")
            let file = try DigestFile(path: "\(folder)/link")
            try file.write(ArraySlice("new".utf8))
            try file.commit()
            #expect(try String(contentsOfFile: "\(folder)/real", encoding: .utf8) == "new")
            #expect(try names(in: folder) == ["device", "link", "nowhere", "pipe", "real"])
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link") == "\(folder)/real")
        }
    }

    @Test("a series puts the time before the extension and forgets its oldest files, and no others")
    func series() async throws {
        let time = Timestamp(secondsSinceEpoch: 1_795_247_787)
        #expect(DumpSeries(path: "/d/pod-1.a-digests.csv").path(at: time) == "/d/pod-1.a-digests-20261121T075627Z.csv")
        #expect(DumpSeries(path: "d.ndjson.gz").path(at: time) == "./d-20261121T075627Z.ndjson.gz")
        #expect(DumpSeries(path: "/digests").path(at: time) == "/digests-20261121T075627Z")
        try await withFolder { folder in
            let ours = ["d-20261121T075627Z.csv", "d-20261121T075727Z.csv", "d-20270101T000000Z.csv"]
            let others = ["d.csv", "d-latest.csv", "d-20261121T075627Z.csv.gz", "e-20261121T075627Z.csv"]
            for name in ours + others {
                try name.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
            }
            #expect(try DumpSeries(path: "\(folder)/d.csv").prune(keep: 1) == ours.dropLast().reversed())
            #expect(try names(in: folder) == ([ours[2]] + others).sorted())
        }
    }

    @Test("only tables with our kind of name are holdings")
    func holdings() {
        let holding = Holding(at: Timestamp(millisecondsSinceEpoch: 1_795_247_787_123), suffix: "a1")
        #expect(holding.table == "stats.drover_digest_1795247787_a1")
        #expect(Holding(table: "drover_digest_1795247787_a1") == holding)
        for name in [
            "stats_mysql_global", "drover_digest_", "drover_digest_1_", "drover_digest_x_a", "drover_digest_1_A;",
        ] {
            #expect(Holding(table: name) == nil)
        }
    }

    @Test("what is compressed is what gunzip gives back, however it is cut", arguments: [0, 1, 70_000, 3_000_000])
    func gzip(size: Int) async throws {
        try await withFolder { folder in
            let gzip = try GzipStream()
            var compressed = Data()
            var state: UInt64 = 7
            let bytes = (0..<size).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1
                return UInt8(truncatingIfNeeded: state >> 59)
            }
            for start in stride(from: 0, to: size, by: 99_991) {
                try gzip.compress(Array(bytes[start..<min(size, start + 99_991)]), isLast: false) {
                    compressed.append(contentsOf: $0)
                }
            }
            try gzip.compress([], isLast: true) { compressed.append(contentsOf: $0) }
            try compressed.write(to: URL(filePath: "\(folder)/x.gz"))
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", "gzip -dc '\(folder)/x.gz' > '\(folder)/x'"]
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(try Data(contentsOf: URL(filePath: "\(folder)/x")) == Data(bytes))
        }
    }
}
