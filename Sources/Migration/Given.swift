/// A setting as it stands in a file or manifest.
struct Given: Hashable, Sendable {
    /// Where it stands.
    struct Place: Hashable, Sendable {
        var file: String
        /// From 1.
        var line: Int
    }

    /// The key, variable, or word of a command.
    var name: String
    /// Its value; nil where that is elsewhere.
    var value: String?
    /// Where the value is, when it is not here: for example `Secret proxysql, key password`.
    var reference: String?
    var place: Place
}

/// A container that runs a program that is to be replaced, or anything else in its pod.
struct GivenContainer: Sendable {
    var name: String
    var image: Given?
    /// The words of `command` and `args`; nil where there are none.
    var command: [Given]?
    var arguments: [Given]?
    var environment: [Given] = []
    /// The paths of HTTP probes, with their port, and `exec` for those that run a program.
    var probes: [Given] = []
    /// `preStop`: the path, or `exec`.
    var preStop: Given?
    var place: Given.Place
}

/// A Deployment, StatefulSet, Job or other object that has pods.
struct Workload: Sendable {
    var kind: String
    var name: String
    var containers: [GivenContainer] = []
    var serviceAccount: String?
    /// `terminationGracePeriodSeconds`.
    var gracePeriod: Given?
    var hasFileGroup = false
    /// The ConfigMaps that its volumes hold.
    var mountedMaps: [String] = []
    var place: Given.Place
}

/// A rule of a Role or ClusterRole.
struct GivenRole: Sendable {
    struct Rule: Sendable {
        var groups: [String]
        var resources: [String]
        var verbs: [String]
    }

    var kind: String
    var name: String
    var rules: [Rule]
    var place: Given.Place

    func allows(_ verb: String, _ resource: String) -> Bool {
        rules.contains { rule in
            (rule.resources.contains(resource) || rule.resources.contains("*"))
                && (rule.verbs.contains(verb) || rule.verbs.contains("*"))
        }
    }
}

/// Everything that the files hold.
struct GivenFiles: Sendable {
    /// Files with settings that are no manifests, by name: the Go agent's YAML file.
    var settings: [(name: String, text: String)] = []
    /// Environment files.
    var environments: [(name: String, variables: [Given])] = []
    var workloads: [Workload] = []
    /// ConfigMaps: name, and the texts of their keys with the line on which each begins.
    var maps: [String: [String: (text: String, place: Given.Place)]] = [:]
    var roles: [GivenRole] = []
    /// Which role which service account has.
    var bindings: [(role: String, account: String)] = []
}
