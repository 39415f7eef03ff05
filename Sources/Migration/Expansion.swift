import FleetModel

/// Kubernetes' `$(NAME)` in the words and variables of a container: a known name gives its value, an unknown one stays
/// as it is, and `$$` is a `$` (Kubernetes API reference, Container v1 core, "command", "args" and "env").
enum Expansion {
    /// A text with its names replaced.
    struct Result: Hashable, Sendable {
        /// Nil where a name's value is elsewhere, for example in a Secret.
        var text: Secret?
        /// Where the value of that name is.
        var reference: String?
        /// The names that were found.
        var used: Set<String> = []
    }

    static func expand(_ text: Secret, _ environment: [Given]) -> Result {
        var result = Result()
        var expanded = ""
        var rest = text.reveal()[...]
        while let dollar = rest.firstIndex(of: "$") {
            expanded += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                expanded += "$"
                rest = rest.dropFirst()
            } else if rest.first == "(", let end = rest.firstIndex(of: ")") {
                let name = String(rest[rest.index(after: rest.startIndex)..<end])
                rest = rest[rest.index(after: end)...]
                if let variable = environment.last(where: { $0.name == name }) {
                    result.used.insert(name)
                    expanded += variable.value?.reveal() ?? ""
                    if variable.value == nil { result.reference = variable.reference ?? name }
                } else {
                    expanded += "$(\(name))"
                }
            } else {
                expanded += "$"
            }
        }
        expanded += rest
        if result.reference == nil { result.text = Secret(expanded) }
        return result
    }

    /// Each variable knows those before it.
    static func expand(_ environment: inout [Given]) {
        for index in environment.indices {
            guard let value = environment[index].value, environment[index].reference == nil else { continue }
            let result = expand(value, Array(environment[..<index]))
            environment[index].value = result.text
            environment[index].reference = result.reference
        }
    }
}
