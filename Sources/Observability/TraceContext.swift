package import Logging
package import Tracing

/// Which trace a piece of work belongs to, and which span of it is under way (W3C Trace Context, level 1).
package struct TraceContext: Hashable, Sendable {
    /// 32 hexadecimal digits.
    package var traceID: String
    /// 16 hexadecimal digits.
    package var spanID: String
    /// The flags, of which only "sampled" is defined, as two hexadecimal digits.
    package var flags: String
    /// What other tracers wrote beside, which is passed on as it is.
    package var state: String?

    /// Begins a trace.
    package init() {
        traceID = Self.digits(UInt64.random(in: 1...UInt64.max)) + Self.digits(UInt64.random(in: 0...UInt64.max))
        spanID = Self.digits(UInt64.random(in: 1...UInt64.max))
        flags = "01"
    }

    /// Reads the header `traceparent`; nil when it is not well-formed, and then a new trace is to be begun.
    package init?(header: String, state: String? = nil) {
        let parts = header.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4 || (parts.count > 4 && parts[0] != "00"), parts[0] != "ff",
            zip(parts, [2, 32, 16, 2]).allSatisfy({ $0.utf8.count == $1 && Self.isHexadecimal($0) }),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
        else { return nil }
        (traceID, spanID, flags, self.state) = (parts[1], parts[2], parts[3], state)
    }

    /// The header `traceparent`.
    package var header: String { "00-\(traceID)-\(spanID)-\(flags)" }

    /// The same trace with a new span.
    var child: TraceContext {
        var child = self
        child.spanID = Self.digits(UInt64.random(in: 1...UInt64.max))
        return child
    }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    private static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

private enum TraceContextKey: ServiceContextKey {
    typealias Value = TraceContext
}

extension ServiceContext {
    /// The trace that the work belongs to; nil where none was begun.
    package var trace: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}

extension Logger.MetadataProvider {
    /// The ids of the trace and span under way, for every log message.
    package static let traceContext = Logger.MetadataProvider {
        guard let trace = ServiceContext.current?.trace else { return [:] }
        return ["trace_id": "\(trace.traceID)", "span_id": "\(trace.spanID)"]
    }
}
