import Hummingbird
import JSONValues
import KubernetesClient
import NIOCore
import Yams

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension FakeKubernetes {
    private static let maximumBody = 4 << 20

    /// An answer that is written at once.
    struct Answer: Sendable {
        var status = 200
        var text: String
    }

    func respond(to request: Request) async -> Response {
        let path = request.uri.path
        if let answer = publicAnswer(path) { return Self.response(answer) }
        let query = Dictionary(
            request.uri.queryParameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 })
        do throws(Refusal) {
            let user = try authenticate(request)
            if let answer = discovery(path) { return Self.response(answer) }
            let call = try APIRequest(request.method, path, query)
            try authorize(user, call)
            let fault = takeFault(call.access, user?.user ?? "system:anonymous")
            switch fault?.kind {
            case .delay:
                try? await clock.sleep(for: .seconds(fault?.seconds ?? 1))
            case .hang:
                try? await clock.sleep(for: .seconds(86_400))
                return Self.broken
            case .drop: return Self.broken
            case .status: throw fault?.refusal ?? .noSuchPath
            case .dropAfterEffect, nil: break
            }
            if call.isWatch { return try watch(call, request) }
            let answer = try perform(call, request, try await Self.body(of: request))
            return fault?.kind == .dropAfterEffect ? Self.broken : Self.response(answer)
        } catch {
            return Self.response(Answer(status: error.status, text: error.document.text), error.retryAfter)
        }
    }

    // MARK: Who

    /// The account of the request's token; `nil` for nobody.
    private func authenticate(_ request: Request) throws(Refusal) -> Account? {
        guard let header = request.headers[.authorization] else { return configuration.anonymous }
        let token = header.hasPrefix("Bearer ") ? String(header.dropFirst(7)) : ""
        guard let account = read({ $0.accounts.first { $0.token == token } }) else { throw .unauthorized }
        return account
    }

    private func authorize(_ account: Account?, _ call: APIRequest) throws(Refusal) {
        guard account?.rules.contains(where: { $0.allows(call.access) }) == true else {
            throw call.access.refusal(account?.user ?? "system:anonymous")
        }
    }

    // MARK: What

    private func perform(_ call: APIRequest, _ request: Request, _ body: [UInt8]) throws(Refusal) -> Answer {
        switch call.access.verb {
        case "get":
            guard let object = read({ $0.store.object(call.type, call.key) }) else {
                throw .notFound(call.type, call.key.name)
            }
            return Answer(text: object.wholeText)
        case "list":
            let selection = try call.selection()
            let options = ListOptions(
                limit: call.query["limit"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil },
                continueToken: call.query["continue"].flatMap { $0.isEmpty ? nil : $0 },
                resourceVersion: try call.version(), isExact: call.query["resourceVersionMatch"] == "Exact")
            let result = read { state -> Result<String, Refusal> in
                do throws(Refusal) {
                    return .success(try state.store.list(selection, options))
                } catch {
                    return .failure(error)
                }
            }
            return Answer(text: try result.get())
        case "create", "update", "patch": return try write(call, request, body)
        default: return try delete(call, body)
        }
    }

    private func write(_ call: APIRequest, _ request: Request, _ body: [UInt8]) throws(Refusal) -> Answer {
        let type = String((request.headers[.contentType] ?? "application/json").prefix { $0 != ";" })
        let agent = (request.headers[.userAgent] ?? "unknown").prefix { $0 != "/" && $0 != " " }
        let isApply = type == "application/apply-patch+yaml"
        let document = try isApply ? Self.yaml(body) : Self.json(body)
        var write = WriteCall(
            type: call.type, key: call.key, isStatus: call.subresource == "status",
            manager: call.query["fieldManager"].flatMap { $0.isEmpty ? nil : $0 } ?? String(agent), time: now)
        let uid = UUID().uuidString.lowercased()
        switch call.access.verb {
        case "create":
            write.key.name = document["metadata"]?["name"]?.string ?? ""
            if write.key.name.isEmpty, let prefix = document["metadata"]?["generateName"]?.string {
                write.key.name = prefix + String(uid.suffix(5))
            }
            let object = try change { [write] store throws(Refusal) in
                try store.create(write, document, uid: uid)
            }
            return Answer(status: 201, text: object.wholeText)
        case "update":
            let object = try change { [write] store throws(Refusal) in try store.replace(write, document) }
            return Answer(text: object.wholeText)
        default: break
        }
        if isApply {
            guard call.query["fieldManager"]?.isEmpty == false else { throw Self.noManager }
            let (object, isNew) = try change { [write] store throws(Refusal) in
                try store.apply(write, document, force: call.query["force"] == "true", uid: uid)
            }
            return Answer(status: isNew ? 201 : 200, text: object.wholeText)
        }
        let object = try change { [write] store throws(Refusal) in
            try store.patch(write) { before throws(Refusal) in
                switch type {
                case "application/merge-patch+json": return before.merging(document)
                case "application/strategic-merge-patch+json": return Patches.strategic(document, onto: before)
                case "application/json-patch+json": return try Patches.json(document, onto: before)
                default:
                    throw Refusal(
                        415, "UnsupportedMediaType",
                        """
                        the body of the request was in an unknown format - accepted media types include: \
                        application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml
                        """, details: [:])
                }
            }
        }
        return Answer(text: object.wholeText)
    }

    private static let noManager = Refusal(
        422, "Invalid",
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        details: [
            "group": "meta.k8s.io", "kind": "PatchOptions",
            "causes": [
                [
                    "reason": "FieldValueRequired", "message": "Required value: is required for apply patch",
                    "field": "fieldManager",
                ]
            ],
        ])

    private func delete(_ call: APIRequest, _ body: [UInt8]) throws(Refusal) -> Answer {
        let document = body.isEmpty ? [:] : try Self.json(body)
        var options = DeleteOptions()
        options.gracePeriodSeconds =
            call.query["gracePeriodSeconds"].flatMap { Int64($0) } ?? document["gracePeriodSeconds"]?.integer
        options.uid = document["preconditions"]?["uid"]?.string
        options.resourceVersion = document["preconditions"]?["resourceVersion"]?.string
        guard call.name == nil else {
            let object = try change { [options] store throws(Refusal) in
                try store.delete(call.type, call.key, options, now: now, timeAfter: time)
            }
            guard call.type != .pods, call.type != .namespaces else { return Answer(text: object.wholeText) }
            let status: JSONValue = [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
                "details": [
                    "name": .string(call.key.name), "kind": .string(call.type.plural), "uid": .string(object.uid),
                ],
            ]
            return Answer(text: status.text)
        }
        let selection = try call.selection()
        let (items, version) = try change { [options] store throws(Refusal) in
            let selected = store.objects(call.type).filter { selection.matches($0) }
            let version = store.version
            for object in selected {
                _ = try store.delete(call.type, object.key, options, now: now, timeAfter: time)
            }
            return (selected.map(\.text).joined(separator: ","), version)
        }
        return Answer(
            text: #"{"kind":"\#(call.type.kind)List","apiVersion":"\#(call.type.apiVersion)","#
                + #""metadata":{"resourceVersion":"\#(version)"},"items":[\#(items)]}"#)
    }

    // MARK: Bodies

    private static func body(of request: Request) async throws(Refusal) -> [UInt8] {
        do {
            return Array(try await request.body.collect(upTo: maximumBody).readableBytesView)
        } catch {
            throw Refusal(413, "RequestEntityTooLarge", "the body is larger than \(maximumBody) bytes", details: [:])
        }
    }

    private static func json(_ body: [UInt8]) throws(Refusal) -> JSONValue {
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(body))
        } catch {
            throw .badRequest("couldn't get version/kind; json parse error: the body is not JSON")
        }
    }

    private static func yaml(_ body: [UInt8]) throws(Refusal) -> JSONValue {
        if body.first == UInt8(ascii: "{") { return try json(body) }
        do {
            return try YAMLDecoder().decode(JSONValue.self, from: Data(body))
        } catch {
            throw .badRequest("error decoding YAML: the body is not YAML")
        }
    }

    static func response(_ answer: Answer, _ retryAfter: Int? = nil) -> Response {
        var headers: HTTPFields = [.contentType: "application/json", .server: "drover-sandbox"]
        if let retryAfter { headers[.retryAfter] = String(retryAfter) }
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.text)))
    }

    /// Promises a body and breaks the connection instead of sending it.
    private static var broken: Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(contentLength: 100) { _ in throw BrokenOnPurpose() })
    }

    struct BrokenOnPurpose: Error {}
}
