package import Logging
import ServiceLifecycle

/// Dumps again and again.
package struct DumpLoop: Service {
    private let dump: DigestDump
    private let interval: Duration
    private let keep: Int?
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Makes the loop.
    /// - Parameters:
    ///   - interval: from the beginning of one dump to that of the next; those that a long dump missed are left out.
    ///   - keep: how many files remain; nil for all.
    package init(
        _ dump: DigestDump, every interval: Duration, keep: Int?, clock: any Clock<Duration>, logger: Logger
    ) {
        self.dump = dump
        self.interval = interval
        self.keep = keep
        self.clock = clock
        self.logger = logger
    }

    /// Dumps at once and then each interval, until graceful shutdown or cancellation. A dump that fails is logged, and
    /// the next one is made.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await repeatDumps(clock)
        }
    }

    private func repeatDumps<C: Clock>(_ clock: C) async where C.Duration == Duration {
        var next = clock.now
        while !Task.isCancelled {
            await step()
            let now = clock.now
            repeat { next = next.advanced(by: interval) } while next <= now
            try? await clock.sleep(until: next, tolerance: nil)
        }
    }

    /// One dump, then retention.
    package func step() async {
        do throws(DigestError) {
            let files = try await dump.run()
            if files.isEmpty { logger.info("no digests, no file") }
            for file in files {
                logger.info(
                    "digests written",
                    metadata: [
                        "file.path": "\(file.path ?? "-")", "rows": "\(file.rows)", "bytes": "\(file.bytes)",
                    ])
            }
            try prune()
        } catch {
            guard !Task.isCancelled else { return }
            logger.error("dump failed; the next one is made in its time", metadata: ["error": "\(error)"])
        }
    }

    private func prune() throws(DigestError) {
        guard let keep, case .series(let path) = dump.settings.destination else { return }
        let gone = try DumpSeries(path: path).prune(keep: keep)
        if !gone.isEmpty { logger.info("old files deleted", metadata: ["files": "\(gone.joined(separator: " "))"]) }
    }
}
