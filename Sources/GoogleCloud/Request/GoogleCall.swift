#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One call of an API, before credentials are added.
struct GoogleCall: Sendable {
    enum Method: String, Sendable {
        case GET, HEAD, POST, PUT, PATCH, DELETE
    }

    var method: Method
    /// Path, with its query; percent-encoded.
    var path: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]?
    var effect: Repetition.Effect
    /// Replaces the service's own deadline.
    var timeout: Duration?
    /// Replaces method and path for people, where the path alone does not say what is called.
    var title: String?

    init(
        _ method: Method, _ path: String, query: [(String, String)] = [], effect: Repetition.Effect? = nil
    ) {
        self.method = method
        let encoded = query.map { "\($0)=\(Self.encode($1))" }.joined(separator: "&")
        self.path = encoded.isEmpty ? path : "\(path)?\(encoded)"
        self.effect = effect ?? (method == .GET ? .idempotent : .once)
    }

    /// A call of a whole address, which is not below any API's.
    init(_ method: Method, address: String, effect: Repetition.Effect? = nil) {
        self.init(method, "", effect: effect)
        title = "\(method.rawValue) \(address.prefix { !"?#".contains($0) })"
    }

    /// The same call with `document` as its JSON body.
    func json(_ document: some Encodable) throws(GoogleFailure) -> GoogleCall {
        var call = self
        call.headers.append(("Content-Type", "application/json"))
        // In order, so that a dry run shows the same call in the same words each time.
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            call.body = Array(try encoder.encode(document))
        } catch {
            throw GoogleFailure(.invalid, call: name, "the body cannot be written: \(error)")
        }
        return call
    }

    /// The same call with `fields` as its form body.
    func form(_ fields: [(String, String)]) -> GoogleCall {
        var call = self
        call.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        call.body = Array(fields.map { "\($0)=\(Self.encode($1))" }.joined(separator: "&").utf8)
        return call
    }

    /// Method and path for people and logs; a query may carry what is not theirs.
    var name: String { title ?? "\(method.rawValue) \(path.prefix { $0 != "?" })" }

    /// Percent-encodes everything but RFC 3986's unreserved characters.
    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
