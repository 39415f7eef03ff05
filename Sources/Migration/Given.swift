import FleetModel

/// A setting as it stands in a file or manifest.
///
/// Its value prints as `[redacted]`, whatever it is: a password may stand in any place, and whoever shows a value
/// reveals it where the key is known to be harmless.
struct Given: Hashable, Sendable {
    /// Where it stands.
    struct Place: Hashable, Sendable {
        var file: String
        /// From 1.
        var line: Int
    }

    /// The key, variable, flag or field; never a text that somebody may have put a password into.
    var name: String
    /// Its value; nil where that is elsewhere.
    var value: Secret?
    /// Where the value is, when it is not here: for example `Secret proxysql, key password`.
    var reference: String?
    var place: Place

    init(name: String, value: Secret? = nil, reference: String? = nil, place: Place) {
        self.name = name
        self.value = value
        self.reference = reference
        self.place = place
    }
}

/// A word of a command.
struct GivenWord: Hashable, Sendable {
    var text: Secret
    var place: Given.Place
}

/// A volume as a container sees it.
struct GivenMount: Hashable, Sendable {
    var volume: String
    /// Where it is: a folder, or with `subPath` a single file.
    var path: String
    /// The file of the volume that is mounted alone.
    var subPath: String?
}

/// What a volume holds, as far as that decides which file a program reads.
struct GivenVolume: Hashable, Sendable {
    /// A ConfigMap's key, or a Secret's, which nobody here reads.
    enum Source: Hashable, Sendable {
        case map(String)
        case secret(String)
    }

    var source: Source
    /// The file of each key; empty where each key is a file of its own name.
    var paths: [String: String] = [:]
}

/// A container that runs a program that is to be replaced, or anything else in its pod.
struct GivenContainer: Sendable {
    var name: String
    var image: Given?
    /// The words of `command` and `args`; nil where there are none.
    var command: [GivenWord]?
    var arguments: [GivenWord]?
    /// The folder in which it starts; nil where the image says it.
    var workingDirectory: String?
    var environment: [Given] = []
    var mounts: [GivenMount] = []
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
    /// Its volumes by name; a projected one has several sources.
    var volumes: [String: [GivenVolume]] = [:]
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
