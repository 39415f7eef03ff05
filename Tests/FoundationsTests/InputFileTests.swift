import Foundation
import Foundations
import Testing

@Suite("Files that people name")
struct InputFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-input-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test("a text is read, an empty device is empty, and what is not there is nothing")
    func texts() throws {
        try withFolder { folder in
            try "größer: 1\n".write(toFile: "\(folder)/a.yaml", atomically: true, encoding: .utf8)
            #expect(try InputFile.text("\(folder)/a.yaml") == "größer: 1\n")
            #expect(try InputFile.text("/dev/null") == "")
            #expect(try InputFile.text("\(folder)/none") == nil)
            #expect(throws: UnusableFile(reason: "No such file or directory")) {
                _ = try InputFile.existingText("\(folder)/none")
            }
        }
    }

    @Test("a pipe is read to its end, also when its writer comes later than we do")
    func pipes() throws {
        let pipe = Pipe()
        let writer = Process()
        writer.executableURL = URL(filePath: "/bin/sh")
        writer.arguments = ["-c", "echo late"]
        writer.standardOutput = pipe
        try writer.run()
        try pipe.fileHandleForWriting.close()
        #expect(try InputFile.text("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)") == "late\n")
        writer.waitUntilExit()
    }

    @Test(
        "a folder, a file without an end and bytes that are no text are named, in the system's words where it has some")
    func refused() throws {
        try withFolder { folder in
            try Data([0x66, 0xFF]).write(to: URL(filePath: "\(folder)/bytes"))
            for (path, reason) in [
                (folder, "Is a directory"), ("/dev/zero", "it has more than 16 MiB"),
                ("\(folder)/bytes", "it is not a text in UTF-8 (line 1); save it as UTF-8"),
                ("\(folder)/bytes/below", "Not a directory"),
            ] {
                #expect(throws: UnusableFile(reason: reason), "\(path)") { _ = try InputFile.text(path) }
            }
        }
    }
}
