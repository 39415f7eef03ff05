package import FakeProxySQL
import Logging

/// Starts simulated nodes, one for each configuration, serves them while `body` runs, and takes them down, also after
/// an error of `body`, which is thrown on.
package func withNodes<Value: Sendable>(
    _ configurations: [FakeProxySQL.Configuration], _ body: ([FakeProxySQL]) async throws -> Value
) async throws -> Value {
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        var fakes: [FakeProxySQL] = []
        let result: Result<Value, any Error>
        do {
            for configuration in configurations {
                let fake = try await FakeProxySQL.start(configuration, logger: quiet)
                fakes.append(fake)
                tasks.addTask { try await fake.run() }
            }
            result = .success(try await body(fakes))
        } catch {
            result = .failure(error)
        }
        for fake in fakes { await fake.stop() }
        try await tasks.waitForAll()
        return try result.get()
    }
}

/// Starts one simulated node, serves it while `body` runs, and takes it down.
package func withNode<Value: Sendable>(
    _ configuration: FakeProxySQL.Configuration, _ body: (FakeProxySQL) async throws -> Value
) async throws -> Value {
    try await withNodes([configuration]) { try await body($0[0]) }
}

/// A simulated node on an address of its own and free ports.
package func freeNode(_ name: String) -> FakeProxySQL.Configuration {
    .init(name: name, host: OwnAddress.next(), adminPort: 0, mysqlPort: 0)
}
