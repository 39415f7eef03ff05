/// What a sandbox consists of.
package struct SandboxOptions: Sendable {
    /// Core nodes, 1 or more.
    package var cores = 1
    /// Satellite nodes, 0 or more.
    package var satellites = 1
    /// A real ProxySQL binary in the place of the simulated nodes.
    package var proxysql: String?
    /// Real MariaDB servers in the place of Cloud SQL's instances, replicating from a real primary.
    package var mariadb = false
    /// Google's Pub/Sub and Datastore emulators in the place of the embedded store.
    package var emulators = false
    /// How long a Cloud SQL operation takes, in seconds.
    package var operationSeconds = 2.0
    /// How long the scaler pauses after a change, in seconds.
    package var cooldownSeconds = 3.0
    /// Where everything durable is kept; a temporary folder that is removed at the end when nil.
    package var stateDirectory: String?
    /// Whether every node is a pod with an agent, on an API server.
    package var kubernetes = false
    /// The group whose Secret the agents of pods follow, and through which `drover serve` publishes; nil for the strategy
    /// `admin`.
    package var followed: String?
    /// A real API server's kubeconfig in the place of the simulated one, for stories with pods.
    package var kubeconfig: String?
    /// What the agents reach that real API server with; `kubeconfig` when unset.
    package var agentKubeconfig: String?
    /// The `drover` binary, which runs `drover serve`.
    package var executable: String

    /// Makes the options of the smallest sandbox.
    package init(executable: String) {
        self.executable = executable
    }

    /// What is wrong with the numbers, or nil.
    package var complaint: String? {
        if !(1...20).contains(cores) { return "--cores must be 1 to 20" }
        if !(0...20).contains(satellites) { return "--satellites must be 0 to 20" }
        if !(0...3_600).contains(operationSeconds) { return "--operation-seconds must be 0 to 3600" }
        if !(0...3_600).contains(cooldownSeconds) { return "--cooldown-seconds must be 0 to 3600" }
        if mariadb, MariaDBServers.programs == nil {
            return "--mariadb needs Debian's package mariadb-server, which is not installed"
        }
        if emulators, !GoogleEmulators.areInstalled {
            return "--emulators needs java and the Google Cloud CLI with its Pub/Sub and Datastore emulators"
        }
        return nil
    }
}

/// Where everything of a sandbox listens.
package struct SandboxEndpoints: Codable, Hashable, Sendable {
    /// One ProxySQL node.
    package struct Node: Codable, Hashable, Sendable {
        /// For example `core-0`.
        package var name: String
        /// `core` or `satellite`.
        package var role: String
        /// Host and port of the admin interface.
        package var admin: String
        /// Host and port for clients.
        package var mysql: String
        /// Admin user.
        package var username: String
        /// Its password; the sandbox has no other secrets.
        package var password: String
    }

    /// The alert webhook.
    package var ingest: String
    /// The management API.
    package var api: String
    /// The Cloud SQL Admin API stand-in.
    package var cloudsql: String
    /// The sandbox's own control API.
    package var control: String
    /// The nodes.
    package var proxysql: [Node]
    /// The API server and the agents, when there are any.
    package var kubernetes: KubernetesEndpoints?
}

/// Why a sandbox or a story could not go on.
package struct SandboxError: Error, Sendable, CustomStringConvertible {
    /// What was attempted and what to do.
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
