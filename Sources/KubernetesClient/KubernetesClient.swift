import NIOHTTP1
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Talks to a Kubernetes API server about the few kinds of objects that Drover knows.
///
/// ```swift
/// let configuration = try KubernetesConfiguration.standard(environment: environment)
/// let client = try KubernetesClient(configuration)
/// defer: await client.shutdown()
///
/// let pods = try await client.list(Pod.self, where: Selection(labels: "app=proxysql")).items
/// let secret = try await client.get(SecretResource.self, "fleet")
/// try await client.apply(
///     SecretResource.self, "fleet", SecretResource.applying(name: "fleet", texts: ["fleet.json": json]),
///     fieldManager: "drover")
/// try await client.patch(Deployment.self, "proxysql", Deployment.restartPatch(at: wallClock.now()))
/// try await client.patch(ConfigMap.self, "proxysql", ["data": ["proxysql.cnf": .string(text)]])
/// ```
///
/// `Reflector` keeps a cache of a selection and tells of changes (one Secret: `Selection.name("fleet")`);
/// `LeaderElector` elects one of several processes by a Lease.
///
/// Every call has a deadline and throws `KubernetesError`. Calls that can be repeated without harm are, after 429, 5xx
/// and broken connections, with backoff and jitter; 429 is repeated for all. A client is a value; copies share their
/// connections, which `shutdown()` closes.
package struct KubernetesClient: Sendable {
    /// How patient calls are.
    package struct Options: Hashable, Sendable {
        /// How long one try may take, its answer included.
        package var timeout: Duration
        /// How often a call is tried at most, 1 or more.
        package var attempts: Int
        /// How long to wait between tries.
        package var backoff: Backoff

        /// By default 10 s, 4 tries, 0.2 s to 5 s between them.
        package init(
            timeout: Duration = .seconds(10), attempts: Int = 4,
            backoff: Backoff = Backoff(first: .milliseconds(200), limit: .seconds(5))
        ) {
            self.timeout = timeout
            self.attempts = attempts
            self.backoff = backoff
        }
    }

    /// A longer wait than this is not slept through; the caller is told of it instead.
    private static let longestRetryAfter: Duration = .seconds(30)

    /// The namespace that `.own` and an absent namespace mean.
    package let namespace: String
    /// Where the configuration came from, for messages.
    package let origin: String
    /// How patient calls are.
    package var options: Options
    let transport: Transport
    let clock: any Clock<Duration>

    /// Makes a client; nothing is sent before the first call.
    /// - Throws: `configuration` when certificates or the address cannot be used.
    package init(
        _ configuration: KubernetesConfiguration, options: Options = Options(),
        wallClock: any WallClock = SystemWallClock(), clock: any Clock<Duration> = ContinuousClock()
    ) throws(KubernetesError) {
        namespace = configuration.namespace
        origin = configuration.origin
        self.options = options
        self.clock = clock
        transport = try Transport(configuration, wallClock: wallClock, clock: clock)
    }

    /// Closes every connection; calls under way fail. The client is of no use afterwards.
    package func shutdown() async {
        await transport.shutdown()
    }

    /// The same client with other patience.
    package func with(_ options: Options) -> KubernetesClient {
        var copy = self
        copy.options = options
        return copy
    }

    /// Sends until it works, may not be repeated, or was tried often enough.
    func send(_ call: Transport.Call) async throws(KubernetesError) -> Data {
        var backoff = options.backoff
        var tries = 1
        var isRefused = false
        while true {
            let token = try await transport.credentials.token()
            do throws(KubernetesError) {
                return try await transport.exchange(call, token: token, timeout: options.timeout, clock: clock)
            } catch {
                if error.code == .unauthorized, !isRefused, await transport.credentials.refuse(token) {
                    isRefused = true
                    continue
                }
                guard tries < options.attempts, error.isTransient,
                    error.code == .tooManyRequests || call.isIdempotent,
                    error.retryAfter ?? .zero <= Self.longestRetryAfter
                else { throw error }
                tries += 1
                let wait = max(error.retryAfter ?? .zero, backoff.next(random: .random(in: 0..<1)))
                do {
                    try await clock.sleep(for: wait)
                } catch {
                    throw KubernetesError(.cancelled, call.attempt, "cancelled")
                }
            }
        }
    }

    func send<Answer: Decodable>(_ call: Transport.Call, as type: Answer.Type) async throws(KubernetesError) -> Answer {
        let data = try await send(call)
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw KubernetesError(.unreadable, call.attempt, "its answer is not a \(type): \(error)")
        }
    }

    func name(of scope: NamespaceScope) -> String? {
        switch scope {
        case .own: namespace
        case .named(let name): name
        case .all: nil
        }
    }

    /// For example `list pods in fleet`, `get secrets fleet/users`.
    func attempt(_ verb: String, _ kind: ResourceKind, _ namespace: String?, _ name: String? = nil) -> String {
        let place = kind.isNamespaced ? namespace : nil
        guard let name else { return "\(verb) \(kind.plural)\(place.map { " in \($0)" } ?? "")" }
        return "\(verb) \(kind.plural) \(place.map { "\($0)/" } ?? "")\(name)"
    }
}
