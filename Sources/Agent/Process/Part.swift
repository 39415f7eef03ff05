import ServiceLifecycle

/// How much later than the others a part begins.
struct Lateness {
    let delay: Duration
    let clock: any Clock<Duration>

    init(_ delay: Duration, _ clock: any Clock<Duration>) {
        self.delay = delay
        self.clock = clock
    }
}

/// A part of the agent, with the name that the group of services logs.
///
/// The group names a service by describing it. To describe a value whose type says nothing of that, the runtime looks
/// through all that it knows of types, several times for each type, and walks through everything that the value holds:
/// milliseconds of a start that takes twenty.
struct Part: Service, CustomStringConvertible {
    let description: String
    private let service: any Service
    private var lateness: Lateness?
    private var executor: AdminLoop?

    init(_ name: String, _ service: any Service) {
        description = name
        self.service = service
    }

    /// The same part, beginning later.
    func after(_ lateness: Lateness) -> Part {
        var part = self
        part.lateness = lateness
        return part
    }

    /// The same part, run where its statements are sent: for those that hardly compute.
    func onAdminLoop() -> Part {
        var part = self
        part.executor = .shared
        return part
    }

    func run() async throws {
        if let lateness, lateness.delay > .zero {
            await cancelWhenGracefulShutdown { try? await lateness.clock.sleep(for: lateness.delay) }
        }
        try await withTaskExecutorPreference(executor) { try await service.run() }
    }
}
