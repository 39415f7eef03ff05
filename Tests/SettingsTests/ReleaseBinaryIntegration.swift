import Foundation
import Testing

@Suite("The released binary", .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"))
struct ReleaseBinaryIntegration {
    @Test("it needs nothing but glibc's own libraries")
    func libraries() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/ldd")
        process.arguments = ["dist/drover"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let allowed = ["linux-vdso.so", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libresolv.so"]
        let needed = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(!needed.isEmpty)
        for line in needed where !line.hasPrefix("/lib") {
            #expect(allowed.contains { line.hasPrefix($0) }, "\(line)")
        }
    }
}
