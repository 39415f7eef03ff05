package import FleetModel
import Foundations
package import KubernetesClient
package import Logging
package import Pacing
import ProxySQLAdmin
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
    /// The files of `TLSFile` that are to be there before a text names them, by name.
    var files: [String: Secret] { get }
    /// Where it is, for people.
    var place: String { get }
}

extension FollowSource {
    package var files: [String: Secret] { [:] }
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
        (try? InputFile.text(path)).flatMap { $0 }.map { Secret($0) }
    }
}

/// The key `fleet.json` of a Secret, followed while `run()` runs.
package final class FollowedSecret: FollowSource, Service {
    /// The key.
    package static let key = "fleet.json"

    private let name: String
    private let reflector: Reflector<SecretResource>
    private let change: Wakeup
    private let latest = Mutex<(text: Secret?, files: [String: Secret])>((nil, [:]))

    /// Follows the Secret `name`; wakes `change` when it changed.
    package init(_ client: KubernetesClient, name: String, namespace: String, change: Wakeup, logger: Logger) {
        self.name = name
        self.change = change
        reflector = Reflector(
            client, SecretResource.self, in: .named(namespace), where: .name(name), logger: logger)
    }

    package var place: String { "the Secret \(name)" }

    package func text() -> Secret? { latest.withLock { $0.text } }

    package var files: [String: Secret] { latest.withLock { $0.files } }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await self.reflector.run() }
            for await batch in reflector.changes() where batch.isSynced {
                let secret = reflector.cache.sorted.first
                let text = secret?.text(Self.key)
                let names = (secret?.data ?? [:]).keys.filter(TLSFile.isOurs)
                let files = Dictionary(
                    names.compactMap { name in secret?.text(name).map { (name, $0) } }, uniquingKeysWith: { $1 })
                let isNews = latest.withLock { latest in
                    defer { latest = (text, files) }
                    return latest != (text, files)
                }
                if isNews { change.wake() }
            }
            tasks.cancelAll()
        }
    }
}
