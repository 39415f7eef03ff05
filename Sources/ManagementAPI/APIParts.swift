import FleetModel
import Hummingbird
import Logging
import NIOCore
import Pacing
import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What all routes work with.
struct APIParts: Sendable {
    let editor: GroupEditor
    let store: any ChangeStore
    let incidents: any IncidentStore
    let events: (any EventLog)?
    let signal: EventSignal
    let decisions: (any DecisionStore)?
    let publications: PublicationBoard?
    let defaultPolicy: ScalingPolicy
    let logger: Logger
    let wallClock: any WallClock
    let clock: any Clock<Duration>
    let maximumBodyBytes: Int
    let bodyTimeout: Duration

    /// The bytes of the body.
    /// - Throws: 413 when there are too many, 408 when they do not come in time.
    func bytes(_ request: Request) async throws(APIError) -> Data {
        let (body, maximum, clock, timeout) = (request.body, maximumBodyBytes, clock, bodyTimeout)
        let tooLarge = APIError(status: 413, message: "the body has more than \(maximum) bytes")
        // A client that says so at once need not send it all, or keep the connection waiting for it.
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximum { throw tooLarge }
        do {
            let buffer = try await withDeadline(timeout, clock: clock) { try await body.collect(upTo: maximum) }
            return Data(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch is DeadlineExceeded {
            throw APIError(status: 408, message: "the body did not arrive within \(timeout.components.seconds) s")
        } catch {
            throw .bad("the body did not arrive whole")
        }
    }

    /// The body as a document.
    /// - Throws: 400 that names the field.
    func read<Document: Decodable>(_ type: Document.Type, _ request: Request) async throws(APIError) -> Document {
        let bytes = try await bytes(request)
        guard JSONDepth.of(bytes) <= JSONDepth.maximum else {
            throw .bad("the body is nested deeper than \(JSONDepth.maximum) levels")
        }
        do {
            return try JSONDecoder().decode(type, from: bytes)
        } catch let error as DecodingError {
            throw .bad("the body cannot be read: \(Self.explain(error))")
        } catch {
            throw .bad("the body is not JSON")
        }
    }

    /// All groups, by name.
    func groups() async throws(APIError) -> [Versioned<GroupRecord>] {
        do throws(StoreError) {
            return try await store.groups()
        } catch {
            throw APIError(error)
        }
    }

    /// The group of that name.
    func versioned(_ name: String?, orElse missing: APIError) async throws(APIError) -> Versioned<GroupRecord> {
        guard let name, let group = try? InstanceName(name) else { throw missing }
        do throws(StoreError) {
            guard let found = try await store.group(group) else { throw StoreError.conflict(document: "") }
            return found
        } catch .conflict {
            throw missing
        } catch {
            throw APIError(error)
        }
    }

    /// The group of that name.
    func find(_ name: String?, orElse missing: APIError) async throws(APIError) -> GroupRecord {
        try await versioned(name, orElse: missing).document
    }

    /// Whether there ever was a group of that name.
    func existed(_ name: String) async throws(APIError) -> Bool {
        guard let group = try? InstanceName(name) else { return false }
        do throws(StoreError) {
            return try await !store.history(of: group, before: nil, limit: 1).isEmpty
        } catch {
            throw APIError(error)
        }
    }

    /// Who asks, from where, for what; `adopts` is what the body says of rows of somebody else.
    func terms(
        _ request: Request, _ context: ManagementContext, adopts: Bool? = nil
    ) throws(APIError) -> GroupEditor.Terms {
        var terms = GroupEditor.Terms(
            caller: context.caller, source: context.sourceAddress,
            action: "\(request.method.rawValue) \(request.uri.path)", precondition: nil)
        let isAsked = try flag("adopt", request)
        terms.adopts = isAsked || adopts == true
        terms.verifies = try flag("verify", request, orElse: true)
        return terms
    }

    private static func explain(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            "\"\((context.codingPath + [key]).map(\.stringValue).joined(separator: "."))\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            context.codingPath.isEmpty
                ? "it must be an object"
                : "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has another type than expected"
        case .dataCorrupted(let context) where context.debugDescription == LooseInt.expectation:
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" must be \(LooseInt.expectation)"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is not JSON" : "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" is not usable"
        @unknown default: "it is not usable"
        }
    }
}

/// The shapes of answers.
enum APIAnswer {
    /// A document.
    static func json(
        _ value: some Encodable, _ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(value)) ?? Data()
        var headers = headers
        if headers[.contentType] == nil { headers[.contentType] = "application/json; charset=utf-8" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// A refusal as Chester's clients read it.
    static func compatible(_ error: APIError) -> Response {
        // Chester knows one status for what is wrong with a request's content.
        var document = ["error": error.message]
        document["code"] = error.code
        return json(
            document, .init(integerLiteral: error.status == 422 ? 400 : error.status),
            headers: error.headers)
    }
}
