import JSONValues
import KubernetesClient
import NIOCore
import NIOHTTP1
import NIOPosix
import Pacing

/// A probe as a container declares it, with Kubernetes' defaults (`v1.Probe`).
struct PodProbe: Hashable, Sendable {
    /// What is asked.
    enum Action: Hashable, Sendable {
        /// A status of 200 to 399 is a success.
        case http(path: String, port: Int)
        /// A connection is a success.
        case tcp(port: Int)
    }

    var action: Action
    /// Between two probes.
    var period: Duration
    /// No answer within it is a failure.
    var timeout: Duration
    /// Before the first probe.
    var delay: Duration
    /// So many failures in a row count.
    var failures: Int

    /// Reads a probe; nil where there is none, or one that runs a command.
    init?(_ declared: JSONValue?) {
        guard let declared else { return nil }
        if let http = declared["httpGet"], let port = http["port"]?.integer {
            action = .http(path: http["path"]?.string ?? "/", port: Int(port))
        } else if let port = declared["tcpSocket"]?["port"]?.integer {
            action = .tcp(port: Int(port))
        } else {
            return nil
        }
        period = .seconds(declared["periodSeconds"]?.integer ?? 10)
        timeout = .seconds(declared["timeoutSeconds"]?.integer ?? 1)
        delay = .seconds(declared["initialDelaySeconds"]?.integer ?? 0)
        failures = max(1, Int(declared["failureThreshold"]?.integer ?? 3))
    }

    /// Asks the pod at `host`: refused and unanswered are failures, as is every status but success.
    func passes(_ host: String, _ http: JSONClient) async -> Bool {
        switch action {
        case .http(let path, let port):
            let answer = try? await http.exchange(.GET, "http://\(host):\(port)\(path)", timeout: timeout)
            return answer.map { (200..<400).contains($0.0) } ?? false
        case .tcp(let port):
            let connection = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(timeout)).connect(host: host, port: port).get()
            connection?.close(promise: nil)
            return connection != nil
        }
    }
}

/// A container of a pod, as far as its probes go.
struct PodContainer: Hashable, Sendable {
    var name: String
    var startup: PodProbe?
    var readiness: PodProbe?
    var liveness: PodProbe?

    /// The containers of a pod, sidecars included, by name.
    static func all(_ spec: JSONValue) -> [PodContainer] {
        let declared = ["initContainers", "containers"].flatMap { spec[$0]?.array ?? [] }
        return declared.compactMap { container in
            guard let name = container["name"]?.string else { return nil }
            return PodContainer(
                name: name, startup: PodProbe(container["startupProbe"]),
                readiness: PodProbe(container["readinessProbe"]), liveness: PodProbe(container["livenessProbe"]))
        }
    }

    /// The containers of the sandbox's pods: the probes of `deploy/kubernetes/base/proxysql`, asked more often.
    ///
    /// ProxySQL is left alone as long as its own admin port takes connections, whatever its agent does; whether clients
    /// come is the agent's word.
    static let declared: JSONValue = [
        [
            "name": "proxysql", "image": "proxysql",
            "startupProbe": ["tcpSocket": ["port": 6_032], "periodSeconds": 1, "failureThreshold": 90],
            "livenessProbe": ["tcpSocket": ["port": 6_032], "periodSeconds": 2, "failureThreshold": 6],
        ],
        [
            "name": "agent", "image": "drover",
            "readinessProbe": [
                "httpGet": ["path": "/healthz/ready", "port": 8_080], "periodSeconds": 1, "failureThreshold": 1,
            ],
            "livenessProbe": [
                "httpGet": ["path": "/healthz/agent", "port": 8_080], "periodSeconds": 10, "failureThreshold": 6,
            ],
        ],
    ]
}

/// A pod with what its containers declare.
struct DeclaredPod: KubernetesResource {
    static let kind = Pod.kind
    var metadata: ObjectMeta
    var spec: JSONValue?
}
