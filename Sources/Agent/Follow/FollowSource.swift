package import FleetModel
package import KubernetesClient
package import Logging
package import Pacing
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where a followed configuration comes from.
package protocol FollowSource: Sendable {
    /// The text now; nil while there is none.
    func text() -> Secret?
    /// Where it is, for people.
    var place: String { get }
}

/// A file, for example one that a Secret or a configuration tool puts there; read anew each time.
package struct FollowedFile: FollowSource {
    private let path: String

    /// The file at `path`.
    package init(path: String) {
        self.path = path
    }

    package var place: String { path }

    package func text() -> Secret? {
        (try? String(contentsOfFile: path, encoding: .utf8)).map { Secret($0) }
    }
}

/// The key `fleet.json` of a Secret, followed while `run()` runs.
package final class FollowedSecret: FollowSource, Service {
    /// The key.
    package static let key = "fleet.json"

    private let name: String
    private let reflector: Reflector<SecretResource>
    private let change: Wakeup
    private let latest = Mutex<Secret?>(nil)

    /// Follows the Secret `name`; wakes `change` when it changed.
    package init(_ client: KubernetesClient, name: String, namespace: String, change: Wakeup, logger: Logger) {
        self.name = name
        self.change = change
        reflector = Reflector(
            client, SecretResource.self, in: .named(namespace), where: .name(name), logger: logger)
    }

    package var place: String { "the Secret \(name)" }

    package func text() -> Secret? { latest.withLock { $0 } }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await self.reflector.run() }
            for await batch in reflector.changes() where batch.isSynced {
                let text = reflector.cache.sorted.first?.text(Self.key)
                let isNews = latest.withLock { latest in
                    defer { latest = text }
                    return latest != text
                }
                if isNews { change.wake() }
            }
            tasks.cancelAll()
        }
    }
}
