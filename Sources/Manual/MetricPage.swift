import Observability

/// Every metric, with the roles that have it.
enum MetricPage {
    static func text(_ measures: [Manual.Measures]) -> String {
        var metrics: [String: MetricDefinition] = [:]
        var roles: [String: [String]] = [:]
        for measure in measures {
            for (name, definition) in measure.catalogues.flatMap({ definitions($0) }) {
                metrics[name] = definition
                roles[name, default: []].append(measure.role)
            }
        }
        let rows = metrics.sorted { $0.key < $1.key }.map { name, metric in
            [
                Markdown.code(name), metric.kind.rawValue, Markdown.codes(metric.labels), metric.unit,
                metric.meaning, (roles[name] ?? []).joined(separator: ", "),
            ]
        }
        let bounds = PrometheusMetrics.buckets.map { bound in
            bound == bound.rounded() ? "\(Int(bound))" : "\(bound)"
        }
        return """
            # Metrics

            At `GET /metrics` of each role, as Prometheus text. [Alert rules and a dashboard](../../deploy/observability/README.md),
            [runbooks](../runbooks/README.md), [how to scrape](../guides/observability.md).


            """ + Markdown.table(["metric", "type", "labels", "unit", "meaning", "roles"], rows) + """

                A histogram has `_bucket`, `_sum` and `_count`; the buckets end at \(bounds.joined(separator: ", ")) seconds. A
                counter without labels, and of those with labels what an alert rule looks at, reads 0 from the start. After
                \(PrometheusMetrics.maximumSeries) series of one process, further ones are counted together under
                `overflow="true"`.

                """
    }

    private static func definitions<Name: MetricName>(
        _ catalogue: Name.Type
    ) -> [(name: String, definition: MetricDefinition)] {
        catalogue.allCases.map { ($0.rawValue, $0.definition) }
    }
}
