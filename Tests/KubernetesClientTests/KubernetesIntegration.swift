import FleetModel
import Subprocess
import SystemPackage
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@testable import KubernetesClient

private let environment = ProcessInfo.processInfo.environment
private let isWanted =
    environment["DROVER_INTEGRATION"] == "1" && environment["DROVER_TEST_KUBECONFIG"]?.isEmpty == false

/// The contract, on the API server that `DROVER_TEST_KUBECONFIG` names. `make test-integration` starts one of its own
/// when there is none, and then `DROVER_TEST_KUBE_RUN` is the folder with its other credentials.
@Suite(
    "The client and a real API server", .serialized, .timeLimit(.minutes(10)),
    .enabled(if: isWanted))
struct KubernetesIntegration {
    private static func configuration(_ path: String, namespace: String) throws -> KubernetesConfiguration {
        var configuration = try KubernetesConfiguration.standard(kubeconfig: path, environment: environment)
        configuration.namespace = namespace
        return configuration
    }

    private static let compact: @Sendable () async throws -> Void = {
        let result = try await Subprocess.run(
            .path(FilePath("scripts/kube-apiserver.sh")), arguments: ["compact"], input: .none, output: .discarded,
            error: .string(limit: 65_536))
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
    }

    /// Runs `body` with clients in a namespace that is there for it alone.
    private func withServer(_ body: @Sendable (ServerUnderTest) async throws -> Void) async throws {
        let path = try #require(environment["DROVER_TEST_KUBECONFIG"])
        let namespace = "drover-test-\(UUID().uuidString.lowercased().prefix(8))"
        let configuration = try Self.configuration(path, namespace: namespace)
        let client = try KubernetesClient(configuration)
        var foreign = configuration
        foreign.authentication = .token(Secret("not-a-token"))
        foreign.clientCertificate = nil
        let stranger = try KubernetesClient(foreign)
        let run = environment["DROVER_TEST_KUBE_RUN"]
        let viewer = try run.map {
            try KubernetesClient(try Self.configuration("\($0)/viewer.kubeconfig", namespace: namespace))
        }
        try await client.create(Namespace(name: namespace))
        do {
            try await body(
                ServerUnderTest(
                    client: client, viewer: viewer, stranger: stranger, compact: run == nil ? nil : Self.compact,
                    isAlone: run != nil))
        } catch {
            Issue.record(error)
        }
        try await client.delete(Namespace.self, namespace)
        for client in [client, stranger, viewer].compactMap({ $0 }) { await client.shutdown() }
    }

    @Test("The contract holds", arguments: Contract.allCases)
    func contract(of part: Contract) async throws {
        try await withServer { try await part.check(on: $0) }
    }

    @Test("A client certificate is accepted, and a server that another authority vouches for is not believed")
    func certificates() async throws {
        guard let run = environment["DROVER_TEST_KUBE_RUN"] else { return }
        let client = try KubernetesClient(
            try Self.configuration("\(run)/certificate.kubeconfig", namespace: "default"))
        let namespaces = try await client.list(Namespace.self).items
        #expect(namespaces.contains { $0.metadata.name == "default" })
        await client.shutdown()
        var configuration = try Self.configuration("\(run)/admin.kubeconfig", namespace: "default")
        configuration.trust = .system
        let doubter = try KubernetesClient(configuration, options: .init(attempts: 1))
        let error = await Contract.failure { () throws(KubernetesError) in try await doubter.list(Pod.self) }
        #expect(error?.code == .unavailable)
        await doubter.shutdown()
    }
}
