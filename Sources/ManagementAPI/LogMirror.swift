package import FleetModel
package import Logging
import Pacing
package import Persistence
package import ProxySQLAdmin
import ServiceLifecycle

/// Sees what another process on the same folder did: that there is more in the event log, and what the nodes hold.
package struct LogMirror: Service {
    private let log: SQLiteEventLog
    private let sinks: [any EventSink]
    private let board: PublicationBoard?
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Looks every `interval`: `sinks` hear, without the events, that there are more; `board` gets the publications.
    package init(
        _ log: SQLiteEventLog, sinks: [any EventSink], board: PublicationBoard?, interval: Duration,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.log = log
        self.sinks = sinks
        self.board = board
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    package func run() async {
        await cancelWhenGracefulShutdown {
            var seen = Seen()
            var isFailing = false
            while !Task.isCancelled {
                do throws(StoreError) {
                    try await look(&seen)
                    isFailing = false
                } catch {
                    if !isFailing { logger.warning("the event log cannot be read", metadata: ["error": "\(error)"]) }
                    isFailing = true
                }
                try? await clock.sleep(for: interval)
            }
        }
    }

    private struct Seen {
        var newest: Int64?
        var groups: Set<InstanceName> = []
    }

    private func look(_ seen: inout Seen) async throws(StoreError) {
        if let board {
            let found = try await log.publications()
            for entry in found where board.newest(of: entry.group).map({ $0.at < entry.at }) ?? true {
                board.note(entry.publication, of: entry.group, at: entry.at)
            }
            let groups = Set(found.map(\.group))
            for group in seen.groups.subtracting(groups) { board.forget(group) }
            seen.groups = groups
        }
        // After the publications: who hears of an event finds what it tells of.
        let newest = try await log.newest(group: nil, limit: 1).first?.id ?? 0
        if let before = seen.newest, newest > before {
            for sink in sinks { sink.take([]) }
        }
        seen.newest = newest
    }
}
