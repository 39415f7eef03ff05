package import Endpoints

/// The routes of the alert webhook.
package enum IngestEndpoint: EndpointName {
    case health, root, webhook

    /// What it is.
    package var endpoint: Endpoint {
        let proof = "who shows what `ingest.auth-token` and its neighbours ask for"
        switch self {
        case .health: return Endpoint(.get, "/healthz", "Says that the process serves.")
        case .root:
            return Endpoint(
                .post, "/", access: proof, answers: [200, 400, 401, 413, 503],
                "Takes a notification of Cloud Monitoring, plain or pushed by Pub/Sub; 200 when it is durable.")
        case .webhook:
            return Endpoint(.post, "/webhook", access: proof, answers: [200, 400, 401, 413, 503], "The same.")
        }
    }
}
