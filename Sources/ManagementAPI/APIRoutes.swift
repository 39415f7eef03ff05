package import Endpoints
package import FleetModel
package import Hummingbird
import JSONValues
package import Logging
import NIOCore
package import Pacing
package import ProxySQLAdmin

/// The role `drover api`: Chester's surface, and a better one under `/v1`.
package struct APIRoutes: Sendable {
    /// What is served.
    package struct Sources: Sendable {
        /// Groups, and who changed them.
        package var changes: any ChangeStore
        /// Incidents.
        package var incidents: any IncidentStore
        /// What happened; nil where no log is kept.
        package var events: (any EventLog)?
        /// Tells when there is more in the log.
        package var signal: EventSignal
        /// What was decided; nil where nothing is kept.
        package var decisions: (any DecisionStore)?
        /// What the nodes hold; nil where another process publishes.
        package var publications: PublicationBoard?
        /// Looks at the nodes' tables; nil where the API cannot reach them.
        package var survey: (any NodeSurveying)?
        /// Asks the provider about primaries; nil where nobody can be asked.
        package var primaries: (any PrimaryLookup)?

        /// Gathers the sources.
        package init(
            changes: any ChangeStore, incidents: any IncidentStore, events: (any EventLog)? = nil,
            signal: EventSignal = EventSignal(), decisions: (any DecisionStore)? = nil,
            publications: PublicationBoard? = nil, survey: (any NodeSurveying)? = nil,
            primaries: (any PrimaryLookup)? = nil
        ) {
            self.primaries = primaries
            self.changes = changes
            self.incidents = incidents
            self.events = events
            self.signal = signal
            self.decisions = decisions
            self.publications = publications
            self.survey = survey
        }
    }

    /// What the routes work with, beside the stores.
    package struct Settings: Sendable {
        /// The policy of a new group, where its document says nothing.
        package var defaultPolicy: ScalingPolicy
        /// Whether all groups live on the same ProxySQL nodes, so that user names must be unique among them.
        package var groupsShareNodes = true
        /// The largest body, in bytes.
        package var maximumBodyBytes = 1 << 20
        /// How long the body of a request may take to come.
        package var bodyTimeout = Duration.seconds(20)
        /// Requests that one address may make a second; nil for any number.
        package var requestsPerSecond: Int?
        /// What browsers may be made to send.
        package var browsers = BrowserCheck()

        /// Makes settings with the defaults of `drover serve`.
        package init(defaultPolicy: ScalingPolicy) {
            self.defaultPolicy = defaultPolicy
        }
    }

    private let parts: APIParts
    private let authenticator: any Authenticator
    private let limit: RateLimit?
    private let browsers: BrowserCheck

    /// Serves what is in the stores.
    package init(
        sources: Sources, settings: Settings, authenticator: any Authenticator,
        time: (wall: any WallClock, clock: any Clock<Duration>), logger: Logger
    ) {
        self.authenticator = authenticator
        browsers = settings.browsers
        limit = settings.requestsPerSecond.map { RateLimit(perSecond: Double($0), wallClock: time.wall) }
        parts = APIParts(
            editor: GroupEditor(
                store: sources.changes, wallClock: time.wall, groupsShareNodes: settings.groupsShareNodes,
                survey: sources.survey,
                primaries: sources.primaries.map { PrimaryVerifier(provider: $0, clock: time.clock) }),
            store: sources.changes, incidents: sources.incidents, events: sources.events,
            signal: sources.signal, decisions: sources.decisions,
            publications: sources.publications, defaultPolicy: settings.defaultPolicy, logger: logger,
            wallClock: time.wall, clock: time.clock, maximumBodyBytes: settings.maximumBodyBytes,
            bodyTimeout: settings.bodyTimeout)
    }

    /// Adds the routes.
    package func addRoutes(to router: Router<ManagementContext>) {
        router.add(middleware: TracingMiddleware(redactingQueryParameters: ["auth_token"]))
        router.add(middleware: RefusalMiddleware(table: table))
        if let limit { router.add(middleware: RateLimitMiddleware(limit: limit)) }
        router.add(middleware: AuthenticationMiddleware(authenticator: authenticator, browsers: browsers))
        CompatibleRoutes(parts: parts).addRoutes(to: router)
        StatusRoutes(parts: parts).addRoutes(to: router)
        let operations = operations
        let document = OpenAPI.document(operations).bytes()
        router.serve(ManagementEndpoint.openAPI) { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: document)))
        }
        for operation in operations { operation.add(to: router, logger: parts.logger) }
    }

    /// Everything that is served.
    private var table: RouteTable {
        RouteTable(
            CompatibleEndpoint.allCases.map(\.endpoint) + ManagementEndpoint.allCases.map(\.endpoint) + endpoints)
    }

    /// Every call of `/v1`, for the manual.
    package var endpoints: [Endpoint] {
        operations.map { operation in
            var refusals = [400, 401, 403, 429, 503]
            if operation.body != nil { refusals += [413, 415, 422] }
            if operation.path.contains("{") { refusals.append(404) }
            if operation.method != .get { refusals.append(409) }
            if operation.parameters.contains(.ifMatch) { refusals.append(412) }
            return Endpoint(
                .init(rawValue: operation.method.rawValue.lowercased()) ?? .get, operation.path,
                access: operation.role.rawValue,
                answers: Set(operation.answers.map(\.status) + refusals).sorted(), operation.summary)
        }
    }

    /// Every call of `/v1`.
    var operations: [Operation] {
        GroupRoutes(parts: parts).operations + GroupPartRoutes(parts: parts).operations
            + HistoryRoutes(parts: parts).operations + StateRoutes(parts: parts).operations
            + DecisionRoutes(parts: parts).operations + OrderRoutes(parts: parts).operations
            + EventRoutes(parts: parts).operations
    }
}

/// Gives what Hummingbird itself refuses the shape that the rest of the API has.
struct RefusalMiddleware: RouterMiddleware {
    let table: RouteTable

    func handle(
        _ request: Request, context: ManagementContext,
        next: (Request, ManagementContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            let status = error.status.code
            let methods = table.methods(at: request.uri.path)
            if status == 404, error.body == nil, !methods.isEmpty {
                let allowed = methods.joined(separator: ", ")
                var refusal = APIError(status: 405, message: "\(request.method) is not served here, but \(allowed)")
                refusal.headers[.allow] = allowed
                return APIAnswer.refusal(refusal, of: request)
            }
            let message = error.body ?? (status == 404 ? "nothing is served here" : error.status.reasonPhrase)
            return APIAnswer.refusal(APIError(status: status, message: message), of: request)
        }
    }
}

extension APIAnswer {
    /// A refusal in the shape that the called surface has.
    static func refusal(_ error: APIError, of request: Request) -> Response {
        request.uri.path.hasPrefix("/v1") ? problem(error, at: request.uri.path) : compatible(error)
    }
}
