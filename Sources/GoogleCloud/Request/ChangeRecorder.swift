import Synchronization

/// Keeps the calls that would change something, which are then not made: with it, a client of Google's APIs can read and
/// nothing else, whatever it is asked for.
package final class ChangeRecorder: Sendable {
    /// A call that was not made.
    package struct Call: Hashable, Codable, Sendable {
        /// GET, POST, PUT, PATCH or DELETE.
        package var method: String
        /// The path, with its query.
        package var path: String
        /// The body as it would have been sent.
        package var body: String?
    }

    private let calls = Mutex<[Call]>([])

    /// Nothing was kept yet.
    package init() {}

    /// How many calls were kept.
    package var count: Int { calls.withLock { $0.count } }

    /// The calls that were kept, oldest first; they are forgotten here.
    package func take() -> [Call] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls
        }
    }

    /// Endings of the paths of calls that read although they are POST: Datastore's `lookup` and `runQuery` (outside of
    /// transactions) and Cloud KMS's `asymmetricDecrypt`.
    private static let readingCalls = [":lookup", ":runQuery", ":asymmetricDecrypt"]

    /// Lets a reading call pass; keeps another and fails.
    func check(_ call: GoogleCall) throws(GoogleFailure) {
        let path = call.path.prefix { $0 != "?" }
        switch call.method {
        case .GET, .HEAD: return
        case .POST where Self.readingCalls.contains { path.hasSuffix($0) }: return
        case .POST, .PUT, .PATCH, .DELETE:
            let body = call.body.map { String(decoding: $0, as: UTF8.self) }
            calls.withLock { $0.append(Call(method: call.method.rawValue, path: call.path, body: body)) }
            throw GoogleFailure(.failedPrecondition, call: call.name, "not made: this is a dry run")
        }
    }
}
