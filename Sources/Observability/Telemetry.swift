package import Logging
import Tracing

/// Logs and traces of a process.
package enum Telemetry {
    /// Sets up both; to be called once, before anything else logs or calls anybody.
    ///
    /// Whoever builds Drover with an exporter, such as swift-otel, puts its tracer in the place of ours here.
    /// - Returns: the first logger; every later one is made the same way.
    package static func bootstrap(
        format: LineLogHandler.Format, level: Logger.Level, tellsSource: Bool = false
    ) -> Logger {
        LoggingSystem.bootstrap(
            { label, provider in
                LineLogHandler(
                    label: label, format: format, level: level, tellsSource: tellsSource, metadataProvider: provider)
            }, metadataProvider: .traceContext)
        let logger = Logger(label: "drover")
        InstrumentationSystem.bootstrap(TraceContextTracer(logger: logger))
        return logger
    }
}
