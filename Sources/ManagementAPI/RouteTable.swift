import Endpoints

/// Which methods each path has, for the answer to one that it has not (RFC 9110, section 15.5.6).
struct RouteTable: Sendable {
    private let routes: [(parts: [Substring], method: String)]

    /// Makes the table of `endpoints`.
    init(_ endpoints: [Endpoint]) {
        routes = endpoints.map { (Self.parts($0.path), $0.method.rawValue.uppercased()) }
    }

    /// The methods that are served at `path`, sorted; none where nothing is served.
    func methods(at path: String) -> [String] {
        let parts = Self.parts(path)
        var found: Set<String> = []
        for route in routes where route.parts.count == parts.count {
            let fits = zip(route.parts, parts).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
            if fits { found.insert(route.method) }
        }
        if found.contains("GET") { found.insert("HEAD") }
        return found.sorted()
    }

    private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
}
