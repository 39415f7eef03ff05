import Endpoints
package import FleetModel
package import Hummingbird
package import Logging
import NIOCore
import Observability
package import Pacing

/// The role `drover ingest`: an alert is answered 200 only after its incident is durable.
package struct IngestRoutes: Sendable {
    /// What the webhook accepts.
    package struct Settings: Sendable {
        /// What a notification must show.
        package var authentication: IngestAuthentication
        /// The largest body, in bytes.
        package var maximumBodyBytes: Int
        /// How long a body may take to come.
        package var bodyTimeout: Duration

        /// Makes settings; Cloud Monitoring's bodies have a few thousand bytes.
        package init(token: Secret? = nil, maximumBodyBytes: Int = 262_144) {
            self.init(authentication: IngestAuthentication(token: token), maximumBodyBytes: maximumBodyBytes)
        }

        /// Makes settings with any authentication.
        package init(
            authentication: IngestAuthentication, maximumBodyBytes: Int = 262_144,
            bodyTimeout: Duration = .seconds(20)
        ) {
            self.authentication = authentication
            self.maximumBodyBytes = maximumBodyBytes
            self.bodyTimeout = bodyTimeout
        }
    }

    private let store: any IncidentStore
    private let registered: @Sendable () async -> [InstanceName]?
    private let settings: Settings
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Stores what it accepts in `store`. `registered` gives the groups that there are, or nil where that cannot be told.
    package init(
        store: any IncidentStore, registered: @escaping @Sendable () async -> [InstanceName]? = { nil },
        settings: Settings, wallClock: any WallClock, clock: any Clock<Duration>, logger: Logger
    ) {
        self.registered = registered
        self.store = store
        self.settings = settings
        self.wallClock = wallClock
        self.clock = clock
        self.logger = logger
    }

    /// Adds `POST /`, `POST /webhook` and `GET /healthz`.
    package func addRoutes<Context: RequestContext>(to router: Router<Context>) {
        // A notification may show its token in the query.
        router.add(middleware: TracingMiddleware(redactingQueryParameters: ["auth_token"]))
        router.serve(IngestEndpoint.health) { _, _ in JSONAnswer(["status": "ok"]) }
        for endpoint in [IngestEndpoint.root, .webhook] {
            router.serve(endpoint) { request, _ in await receive(request) }
        }
    }

    private func receive(_ request: Request) async -> JSONAnswer {
        let answer = await take(request)
        IngestMetric.alerts.count(answer.outcome)
        return answer
    }

    private func take(_ request: Request) async -> JSONAnswer {
        // Neither Cloud Monitoring nor Pub/Sub has pages, and an open webhook on this machine is in any page's reach.
        guard !request.headers.contains(where: { $0.name.canonicalName == "origin" }),
            !request.headers.contains(where: { $0.name.canonicalName.hasPrefix("sec-fetch-") })
        else { return JSONAnswer(["error": "a page cannot send notifications"], .forbidden) }
        guard await settings.authentication.accepts(request) else {
            return JSONAnswer(
                ["error": "what proves where the notification comes from is absent or wrong"], .unauthorized)
        }
        let body: [UInt8]
        do throws(BodyRefusal) {
            body = try await self.body(of: request)
        } catch {
            return error.answer
        }
        let pushed = PushEnvelope.content(of: body)
        do throws(AlertError) {
            switch try AlertParser.parse(pushed ?? body) {
            case .test: return JSONAnswer(["status": "ok", "message": "test notification"])
            case .alert(let alert): return await store(alert)
            }
        } catch {
            logger.warning("notification refused", metadata: ["error": "\(error)"])
            // Pub/Sub would send it again for seven days, and it would never be understood.
            if pushed != nil {
                return JSONAnswer(["status": "ignored", "error": error.description, "change": "ignored"])
            }
            return JSONAnswer(["error": error.description], .badRequest)
        }
    }

    private struct BodyRefusal: Error {
        var answer: JSONAnswer

        init(_ message: String, _ status: HTTPResponse.Status) {
            answer = JSONAnswer(["error": message], status)
        }
    }

    /// The bytes of the body.
    /// - Throws: 413 when there are too many, 408 when they do not come in time, 400 when the client goes before.
    private func body(of request: Request) async throws(BodyRefusal) -> [UInt8] {
        let (body, maximum, clock, timeout) = (request.body, settings.maximumBodyBytes, clock, settings.bodyTimeout)
        let tooLarge = BodyRefusal("the body has more than \(maximum) bytes", .contentTooLarge)
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximum { throw tooLarge }
        do {
            let buffer = try await withDeadline(timeout, clock: clock) { try await body.collect(upTo: maximum) }
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch is DeadlineExceeded {
            throw BodyRefusal("the body did not arrive within \(timeout.components.seconds) s", .requestTimeout)
        } catch {
            throw BodyRefusal("the body did not arrive whole", .badRequest)
        }
    }

    private func store(_ alert: Alert) async -> JSONAnswer {
        do throws(StoreError) {
            let change = try await store.record(alert, at: wallClock.now())
            logger.info(
                "alert stored",
                metadata: [
                    "incident.id": "\(alert.incidentID)", "group.name": "\(alert.group)",
                    "incident.change": "\(change)",
                ])
            var answer = JSONAnswer(["status": "ok", "incident_id": alert.incidentID, "change": "\(change)"])
            // Kept all the same, and answered as any other: the group may be registered while the alert fires.
            if alert.state == .open, let names = await registered(), !names.contains(alert.group) {
                answer.named = "unknown_group"
                answer.members["warning"] =
                    "no group \(alert.group) is registered: nothing comes of this alert until it is"
                logger.warning(
                    "alert for a group that is not registered",
                    metadata: [
                        "incident.id": "\(alert.incidentID)", "group.name": "\(alert.group)",
                        "groups.registered": "\(names.prefix(10).map(\.text).joined(separator: ","))",
                    ])
            }
            return answer
        } catch {
            logger.error("alert not stored", metadata: ["incident.id": "\(alert.incidentID)", "error": "\(error)"])
            var answer = JSONAnswer(["error": "the incident could not be stored; send it again"], .serviceUnavailable)
            answer.retryAfter = "5"
            return answer
        }
    }
}

/// A small JSON object with a status.
struct JSONAnswer: ResponseGenerator {
    var members: [String: String]
    var status: HTTPResponse.Status
    var retryAfter: String?

    init(_ members: [String: String], _ status: HTTPResponse.Status = .ok) {
        self.members = members
        self.status = status
    }

    /// The outcome where it is told by neither the change nor the status.
    var named: String?

    var outcome: String {
        if let named { return named }
        return status == .ok ? members["change"] ?? "test" : "refused_\(status.code)"
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try context.responseEncoder.encode(members, from: request, context: context)
        response.status = status
        if let retryAfter { response.headers[.retryAfter] = retryAfter }
        return response
    }
}
