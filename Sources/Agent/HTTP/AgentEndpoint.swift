package import Endpoints

/// The agent's routes: the Go agent's, and Drover's under `/v1`.
package enum AgentEndpoint: EndpointName {
    case started, ready, live, agent, shutdownByGet, shutdownByPost, metrics
    case status, backends, cluster
    case resync, drain, resume, reload, backend

    /// What it is.
    package var endpoint: Endpoint {
        let token = "bearer token"
        switch self {
        case .started:
            return Endpoint(.get, "/healthz/started", answers: [200, 502], "Whether the node has its configuration.")
        case .ready:
            return Endpoint(.get, "/healthz/ready", answers: [200, 503], "Whether the node should get new clients.")
        case .live:
            return Endpoint(.get, "/healthz/live", answers: [200, 503], "Whether the node answers at all.")
        case .agent:
            return Endpoint(.get, "/healthz/agent", "Whether the agent itself answers, whatever the node does.")
        case .shutdownByGet:
            return Endpoint(.get, "/shutdown", answers: [200, 409], "The same, as Kubernetes' `preStop.httpGet` asks.")
        case .shutdownByPost:
            return Endpoint(
                .post, "/shutdown", answers: [200, 409],
                "Drains the node and ends ProxySQL; answers when that is done. 409 when a plugin objects.")
        case .metrics: return Endpoint(.get, "/metrics", "The metrics as Prometheus text.")
        case .status: return Endpoint(.get, "/v1/status", "The node as it was last seen.")
        case .backends: return Endpoint(.get, "/v1/backends", answers: [200, 502], "Backends with their connections.")
        case .cluster:
            return Endpoint(.get, "/v1/cluster", answers: [200, 502], "The peers' checksums, and whether they agree.")
        case .resync:
            return Endpoint(
                .post, "/v1/resync", access: token, answers: [200, 401, 403, 502],
                "Brings the node back to its cluster.")
        case .drain:
            return Endpoint(
                .post, "/v1/drain", access: token, answers: [202, 401, 403, 409],
                "Lets clients go until resumed. 409 when a plugin objects.")
        case .resume:
            return Endpoint(
                .post, "/v1/resume", access: token, answers: [202, 401, 403, 409],
                "Takes clients again, after a drain or a PAUSE by hand.")
        case .reload:
            return Endpoint(.post, "/v1/reload", access: token, answers: [200, 401, 403], "Does what SIGUSR2 does.")
        case .backend:
            return Endpoint(
                .post, "/v1/backends/{hostgroup}/{address}/{action}", access: token,
                answers: [200, 400, 401, 403, 404, 502],
                "Sets the status of the backend `host:port` on this node; `action` is `online` or `offline-soft`.")
        }
    }
}
