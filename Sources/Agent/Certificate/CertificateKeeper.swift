import FleetModel
package import Logging
import MySQLWire
import Observability
package import Pacing
package import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Brings a certificate to ProxySQL's data directory, has it reloaded, and believes nothing but what the port shows then.
package final class CertificateKeeper: Service {
    /// Where things are.
    package struct Places: Sendable {
        /// The folder that holds the wanted files.
        package var source: String
        /// ProxySQL's data directory.
        package var target: String
        /// The port that clients use.
        package var shown: AgentAddress

        /// Names them.
        package init(source: String, target: String, shown: AgentAddress) {
            self.source = source
            self.target = target
            self.shown = shown
        }
    }

    private let places: Places
    private let port: any AdminConnection
    private let role: RoleBoard
    private let events: AgentEvents
    private let time: (clock: any Clock<Duration>, wall: any WallClock)
    private let interval: Duration
    private let logger: Logger
    private let complaint = Mutex("")

    /// Makes the keeper of a node; it looks every `interval`.
    package init(
        places: Places, port: any AdminConnection, role: RoleBoard, events: AgentEvents,
        time: (clock: any Clock<Duration>, wall: any WallClock), interval: Duration, logger: Logger
    ) {
        self.places = places
        self.port = port
        self.role = role
        self.events = events
        self.time = time
        self.interval = interval
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.step()
                try? await self.time.clock.sleep(for: self.interval)
            }
        }
    }

    /// One round.
    package func step() async {
        let problem = await attempt()
        let isNews = complaint.withLock { complaint in
            defer { complaint = problem ?? "" }
            return complaint != problem ?? ""
        }
        role.update { $0.certificate = problem ?? "current" }
        AgentMetric.certificateCurrent.set(problem == nil ? 1 : 0)
        guard isNews, let problem else { return }
        logger.warning("the certificate for clients", metadata: ["problem": "\(problem)"])
        events.publish(.certificateNotServed, [.problem: problem])
    }

    /// - Returns: why the node does not show what it should, or nil.
    private func attempt() async -> String? {
        let wanted: FrontendCertificate
        do throws(FrontendCertificate.Problem) {
            guard let found = try FrontendCertificate.read(places.source) else {
                return "there is none in \(places.source) yet"
            }
            wanted = found
        } catch {
            return error.description
        }
        AgentMetric.certificateExpiry.set(wanted.expiresAt.since(time.wall.now()).wholeMilliseconds / 1_000)
        switch CertificateStep.next(wanted: wanted, present: present, shown: await shown) {
        case .none: return nil
        case .write:
            do throws(DurableFile.Problem) {
                for name in FrontendCertificate.names {
                    try DurableFile(folder: places.target, name: name, after: { _ in }).write(
                        wanted.files[name] ?? Secret(""))
                }
            } catch {
                return error.description
            }
        case .reload: break
        }
        do throws(AdminError) {
            _ = try await port.query("PROXYSQL RELOAD TLS")
        } catch {
            return "ProxySQL did not reload it: \(error.message)"
        }
        guard let seen = await shown else { return "\(places.shown) shows no certificate" }
        guard seen == wanted.leaf else {
            return "\(places.shown) shows another certificate than the one in \(places.source) after its reload"
        }
        logger.info("the certificate for clients was reloaded, and it is the one that is shown")
        events.publish(.certificateServed, [.expires: wanted.expiresAt.rfc3339])
        return nil
    }

    private var present: [String: Secret] {
        var found: [String: Secret] = [:]
        for name in FrontendCertificate.names {
            found[name] = FileManager.default.contents(atPath: "\(places.target)/\(name)").map {
                Secret(String(decoding: $0, as: UTF8.self))
            }
        }
        return found
    }

    private var shown: [UInt8]? {
        get async {
            try? await ServedCertificate.read(
                host: places.shown.host, port: places.shown.port, timeout: .seconds(5))
        }
    }
}
