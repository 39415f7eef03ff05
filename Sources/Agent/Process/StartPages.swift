import Logging
import Pacing
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#endif

/// Gives back the memory of program code that only the start needed.
///
/// A page of code stays mapped, and counts as resident, from its first use on; the code of starting (settings, TLS,
/// discovery) is more than half of what an agent ever runs. Once it idles those pages are unmapped; what is still
/// needed comes back from the page cache at its next use, which costs microseconds. A sidecar's budget is the pod's.
struct StartPages: Service, CustomStringConvertible {
    let logger: Logger

    var description: String { "StartPages" }

    func run() async throws {
        let bytes = Self.release()
        logger.debug("pages of program code were given back", metadata: ["bytes": "\(bytes)"])
        try? await gracefulShutdown()
    }

    /// Unmaps the pages of this program's code, which are never written to.
    /// - Returns: how many bytes of code there are, mapped or not; 0 where the system does not tell.
    @discardableResult
    static func release() -> Int {
        #if canImport(Glibc)
            guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8),
                let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            else { return 0 }
            var bytes = 0
            for range in codeRanges(of: program, in: maps) {
                guard let address = UnsafeMutableRawPointer(bitPattern: range.lowerBound),
                    madvise(address, range.count, Int32(MADV_DONTNEED)) == 0
                else { continue }
                bytes += range.count
            }
            return bytes
        #else
            return 0
        #endif
    }

    /// Where the code of `program` is mapped, and the constants before it, in the text of `/proc/PID/maps`
    /// (proc_pid_maps(5)). What is read-only behind the code may be so since it was relocated, and the file does not
    /// have what was written there.
    static func codeRanges(of program: String, in maps: String) -> [Range<UInt>] {
        let mapped = maps.split(separator: "\n").compactMap { line -> (rights: Substring, range: Range<UInt>)? in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count == 6, fields[5].drop(while: { $0 == " " }) == program else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { return nil }
            return (fields[1], ends[0]..<ends[1])
        }
        guard let code = mapped.firstIndex(where: { $0.rights == "r-xp" }) else { return [] }
        return mapped.enumerated().compactMap { index, part in
            part.rights == "r-xp" || (part.rights == "r--p" && index < code) ? part.range : nil
        }
    }
}
