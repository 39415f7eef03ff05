import HTTPTypes
package import Hummingbird

/// One route of a server, for the server and for the manual.
package struct Endpoint: Hashable, Sendable {
    /// The methods that are used.
    package enum Method: String, Hashable, Sendable {
        case get, put, post, patch, delete

        var token: HTTPRequest.Method {
            switch self {
            case .get: .get
            case .put: .put
            case .post: .post
            case .patch: .patch
            case .delete: .delete
            }
        }
    }

    /// Its method.
    package var method: Method
    /// Its path; a part in braces is any text.
    package var path: String
    /// Who may call it, in a few words.
    package var access: String
    /// The statuses that it answers.
    package var answers: [Int]
    /// What it does, in a sentence.
    package var meaning: String

    /// Describes a route.
    package init(
        _ method: Method, _ path: String, access: String = "everybody", answers: [Int] = [200],
        _ meaning: String
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.answers = answers
        self.meaning = meaning
    }
}

/// The routes of one surface. Routes are added by their names only, so that none can be missing from the manual.
package protocol EndpointName: CaseIterable, Hashable, Sendable {
    /// What it is.
    var endpoint: Endpoint { get }
}

extension RouterMethods {
    /// Serves a route.
    package func serve(
        _ name: some EndpointName,
        use closure: @Sendable @escaping (Request, Context) async throws -> some ResponseGenerator
    ) {
        on(RouterPath(name.endpoint.path), method: name.endpoint.method.token, use: closure)
    }

    /// Answers HEAD where a route of the manual answers GET: the same without its body.
    package func serveHead(
        _ name: some EndpointName, use closure: @Sendable @escaping (Request, Context) async throws -> Response
    ) {
        on(RouterPath(name.endpoint.path), method: .head) { request, context in
            try await closure(request, context).createHeadResponse()
        }
    }
}
