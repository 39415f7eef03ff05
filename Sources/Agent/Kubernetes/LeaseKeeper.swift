import JSONValues
import KubernetesClient
import Logging
import Pacing
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes part in the election of the acting core, and keeps with the Lease what the cluster runs.
struct LeaseKeeper: Service {
    static let annotation = "drover.dev/running"
    /// After a refusal the rights are looked at again this often.
    private static let refusedFor = Duration.seconds(300)
    private static let round = Duration.seconds(2)

    let client: KubernetesClient
    let lease: String
    let namespace: String
    let office: CoreOffice
    let events: AgentEvents
    let change: Wakeup
    let clock: any Clock<Duration>
    let logger: Logger

    /// Not cancelled by graceful shutdown: giving the Lease up takes a call.
    func run() async throws {
        await waitForName()
        var isTold = false
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let refusal = await takePart()
            office.attach(nil)
            guard let refusal, !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
            if !isTold {
                logger.notice(
                    "the Lease cannot be used, so the first ready core by name acts: two may for a moment",
                    metadata: ["needs": "get, create, update and patch on leases", "error": "\(refusal)"])
            }
            isTold = true
            change.wake()
            await cancelWhenGracefulShutdown { try? await clock.sleep(for: Self.refusedFor) }
        }
    }

    /// A Lease should bear the pod's name. A core that does not find itself takes part too, by its best guess: somebody
    /// has to act.
    private func waitForName() async {
        let stopwatch = Stopwatch(clock)
        while !office.identity.isCertain, stopwatch.elapsed < NodeIdentity.patience, !Task.isCancelled,
            !Task.isShuttingDownGracefully
        {
            try? await clock.sleep(for: .milliseconds(200))
        }
    }

    /// Takes part until cancellation, or until a right turns out to be missing.
    private func takePart() async -> KubernetesError? {
        let identity = "\(office.identity.name)_\(office.identity.instance)"
        let elector = LeaderElector(client, lease: lease, in: namespace, identity: identity, logger: logger)
        // Asked once before, so that an agent with no rights does not ask every two seconds for ever.
        do throws(KubernetesError) {
            try await read()
        } catch {
            if error.isForbidden { return error }
        }
        office.attach {
            if elector.failure?.isForbidden == true { return nil }
            return (elector.isLeader, elector.holder.map { Self.name(of: $0) })
        }
        return await withTaskGroup(of: KubernetesError?.self) { tasks in
            tasks.addTask {
                await elector.run { leadership in await lead(leadership) }
                return nil
            }
            tasks.addTask {
                while !Task.isCancelled {
                    try? await clock.sleep(for: Self.round)
                    if let failure = elector.failure, failure.isForbidden {
                        elector.stop()
                        return failure
                    }
                    try? await read()
                }
                return nil
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            await tasks.waitForAll()
            return first
        }
    }

    private func lead(_ leadership: LeaderElector.Leadership) async {
        events.publish(.becameLeader, [.term: "\(leadership.term)"])
        change.wake()
        var written: RunningClaim?
        while leadership.isValid, !Task.isCancelled {
            if let claim = office.recorded, claim != written, await write(claim) { written = claim }
            try? await clock.sleep(for: Self.round)
        }
    }

    private func read() async throws(KubernetesError) {
        let found: Lease
        do throws(KubernetesError) {
            found = try await client.get(Lease.self, lease, in: namespace)
        } catch {
            if error.isNotFound { return }
            throw error
        }
        guard let text = found.metadata.annotations?[Self.annotation] else { return }
        office.record(try? JSONDecoder().decode(RunningClaim.self, from: Data(text.utf8)))
    }

    private func write(_ claim: RunningClaim) async -> Bool {
        guard let data = try? JSONEncoder().encode(claim) else { return false }
        let patch: JSONValue = [
            "metadata": ["annotations": [Self.annotation: .string(String(decoding: data, as: UTF8.self))]]
        ]
        do throws(KubernetesError) {
            _ = try await client.patch(Lease.self, lease, patch, in: namespace)
            return true
        } catch {
            logger.notice(
                "what the cluster runs cannot be kept with the Lease; the agents remember it",
                metadata: ["error": "\(error)"])
            return error.isForbidden
        }
    }

    /// The pod's name in an identity as client-go makes them, `<hostname>_<uuid>`.
    private static func name(of identity: String) -> String {
        identity.split(separator: "_").first.map(String.init) ?? identity
    }
}
