package import Logging
import Synchronization
package import Tracing

/// A tracer without an exporter: it gives every span its ids, passes them on over HTTP (W3C Trace Context), puts them
/// into log messages, and writes each span that ends as a debug message.
package struct TraceContextTracer: Tracer {
    private let logger: Logger

    /// Writes spans to `logger`.
    package init(logger: Logger) {
        self.logger = logger
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> LoggedSpan {
        var context = context()
        let parent = context.trace
        context.trace = parent?.child ?? TraceContext()
        return LoggedSpan(
            operationName, context, parent: parent?.spanID, began: instant().nanosecondsSinceEpoch, logger: logger)
    }

    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let header = extractor.extract(key: "traceparent", from: carrier) else { return }
        context.trace = TraceContext(header: header, state: extractor.extract(key: "tracestate", from: carrier))
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.header, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }
}

/// A span that becomes a debug message when it ends.
package final class LoggedSpan: Span {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var hasFailed = false
        var isOver = false
    }

    package let context: ServiceContext
    private let parent: String?
    private let began: UInt64
    private let logger: Logger
    private let state: Mutex<State>

    init(_ name: String, _ context: ServiceContext, parent: String?, began: UInt64, logger: Logger) {
        self.context = context
        self.parent = parent
        self.began = began
        self.logger = logger
        state = Mutex(State(name: name))
    }

    package var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    package var isRecording: Bool { state.withLock { !$0.isOver } }

    package func setStatus(_ status: SpanStatus) {
        state.withLock { $0.hasFailed = status.code == .error }
    }

    package func addEvent(_ event: SpanEvent) {}

    package func addLink(_ link: SpanLink) {}

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.hasFailed = true }
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended: State? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state
        }
        guard let ended, logger.logLevel <= .debug else { return }
        let now = instant().nanosecondsSinceEpoch
        var metadata: Logger.Metadata = [
            "span.name": "\(ended.name)", "span.milliseconds": "\((now > began ? now - began : 0) / 1_000_000)",
            "span.status": ended.hasFailed ? "error" : "ok",
        ]
        if let trace = context.trace { metadata["trace_id"] = "\(trace.traceID)" }
        if let trace = context.trace { metadata["span_id"] = "\(trace.spanID)" }
        if let parent { metadata["span.parent_id"] = "\(parent)" }
        ended.attributes.forEach { name, value in
            if let text = Self.text(value) { metadata[name] = "\(text)" }
        }
        logger.debug("span", metadata: metadata)
    }

    private static func text(_ value: SpanAttribute) -> String? {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): "\(value)"
        case .int32(let number): "\(number)"
        case .int64(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        default: nil
        }
    }
}
