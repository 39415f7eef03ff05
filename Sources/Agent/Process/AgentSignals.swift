import Logging
import ServiceLifecycle
import UnixSignals

/// What the process does on signals: the first SIGTERM or SIGINT drains, the second ends at once, SIGUSR1 reports,
/// SIGUSR2 reloads.
struct AgentSignals: Service, CustomStringConvertible {
    let drain: DrainRunner
    /// Whether the first SIGTERM ends the agent and leaves ProxySQL alone.
    let leavesNode: Bool
    let report: @Sendable () -> Logger.Metadata
    let reload: @Sendable () async -> String
    let endNow: @Sendable () async -> Void
    let logger: Logger

    var description: String { "AgentSignals" }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint, .sigusr1, .sigusr2])
        await cancelWhenGracefulShutdown {
            var isEnding = false
            for await signal in signals {
                switch signal {
                case .sigusr1:
                    logger.info("status", metadata: report())
                case .sigusr2:
                    let outcome = await reload()
                    logger.info("reloaded", metadata: ["outcome": "\(outcome)"])
                default:
                    if leavesNode, !drain.isShuttingDown {
                        logger.notice("the agent ends, ProxySQL goes on", metadata: ["signal": "\(signal)"])
                        await endNow()
                        continue
                    }
                    if isEnding {
                        logger.warning("a second signal ends the drain")
                        await endNow()
                        continue
                    }
                    isEnding = true
                    drain.request(.shutDown, because: "\(signal)")
                }
            }
        }
    }
}

/// Returns when the node was shut down by a drain, which ends the process.
struct DrainedExit: Service, CustomStringConvertible {
    let drain: DrainRunner

    var description: String { "DrainedExit" }

    func run() async throws {
        await cancelWhenGracefulShutdown { await drain.untilShutDown() }
    }
}
