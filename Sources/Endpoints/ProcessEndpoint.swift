package import Hummingbird
import NIOCore
package import Observability

/// What a process says about itself, beside the API it may have.
package enum ProcessEndpoint: EndpointName {
    case health, metrics

    /// What it is.
    package var endpoint: Endpoint {
        switch self {
        case .health: Endpoint(.get, "/healthz", "Says that the process serves.")
        case .metrics: Endpoint(.get, "/metrics", "The metrics as Prometheus text.")
        }
    }

    /// Serves both.
    package static func serve<Context: RequestContext>(_ metrics: PrometheusMetrics, on router: Router<Context>) {
        router.serve(Self.health) { _, _ in "{\"status\":\"ok\"}" }
        router.serve(Self.metrics) { _, _ in metrics.response }
    }
}

extension PrometheusMetrics {
    /// An answer with all metrics.
    package var response: Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: exposition())))
    }
}
