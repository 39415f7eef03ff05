package import Endpoints

/// The sandbox's control API: everything that can go wrong, on request.
package enum ControlEndpoint: EndpointName {
    case cloudSQLFaults, addCloudSQLFault, clearCloudSQLFaults, instance, node, killServe

    /// What it is.
    package var endpoint: Endpoint {
        switch self {
        case .cloudSQLFaults:
            Endpoint(.get, "/v1/cloudsql/faults", "The faults of the Cloud SQL API that have not happened yet.")
        case .addCloudSQLFault:
            Endpoint(.post, "/v1/cloudsql/faults", answers: [200, 400], "Adds one.")
        case .clearCloudSQLFaults: Endpoint(.delete, "/v1/cloudsql/faults", "Removes all.")
        case .instance:
            Endpoint(
                .patch, "/v1/cloudsql/instances/{name}", answers: [200, 400, 404],
                "Makes an instance, by a merge patch, what no call of Google's makes it: another `state`, other "
                    + "`ipAddresses`, another `masterInstanceName`.")
        case .node:
            Endpoint(
                .post, "/v1/proxysql/{name}/{verb}", answers: [200, 400, 404, 409],
                "Does `kill`, `restart`, `wedge` or `unwedge` to a node; `connections`, with "
                    + "`{\"address\",\"port\",\"count\"}`, sets the connections in use of a simulated one.")
        case .killServe: Endpoint(.post, "/v1/serve/kill", "SIGKILL for `drover serve`, which is started again.")
        }
    }
}

/// The part of it that is about Kubernetes and agents; there with `--kubernetes`.
package enum KubernetesControlEndpoint: EndpointName {
    case places, faults, addFault, clearFaults, compact, endWatches, accounts, agent

    /// What it is.
    package var endpoint: Endpoint {
        switch self {
        case .places: Endpoint(.get, "/v1/kubernetes", "Where the API server and the agents are now.")
        case .faults:
            Endpoint(
                .get, "/v1/kubernetes/faults", answers: [200, 409],
                "The faults of the Kubernetes API that have not happened often enough yet.")
        case .addFault: Endpoint(.post, "/v1/kubernetes/faults", answers: [200, 400, 409], "Adds one.")
        case .clearFaults: Endpoint(.delete, "/v1/kubernetes/faults", answers: [200, 409], "Removes all.")
        case .compact:
            Endpoint(
                .post, "/v1/kubernetes/compact", answers: [200, 409],
                "Forgets every older version: watches and pages are answered 410.")
        case .endWatches:
            Endpoint(.post, "/v1/kubernetes/end-watches", answers: [200, 409], "Breaks every watch.")
        case .accounts:
            Endpoint(
                .post, "/v1/kubernetes/accounts", answers: [200, 400, 409],
                "`{\"token\",\"user\",\"rules\":[{\"apiGroups\",\"resources\",\"verbs\"}]}` gives a token these "
                    + "rights; the agents' is `agent`.")
        case .agent:
            Endpoint(
                .post, "/v1/agents/{pod}/{verb}", answers: [200, 404],
                "`kill` (it is started again), `stop` or `resume`: SIGKILL, SIGSTOP or SIGCONT for an agent.")
        }
    }
}
