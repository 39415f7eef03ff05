import Endpoints

/// Every route of every server.
enum EndpointPage {
    static func text(_ surfaces: [Manual.Surface]) -> String {
        let sections = surfaces.map { surface in
            "## \(surface.title)\n\n\(surface.note)\n\n"
                + Markdown.table(
                    ["route", "for", "answers", "what it does"],
                    surface.endpoints.map { endpoint in
                        [
                            Markdown.code("\(endpoint.method.rawValue.uppercased()) \(endpoint.path)"),
                            endpoint.access, endpoint.answers.map { "\($0)" }.joined(separator: ", "),
                            endpoint.meaning,
                        ]
                    })
        }
        return """
            # HTTP endpoints

            What no route matches is answered 404.


            """ + sections.joined(separator: "\n")
    }
}
