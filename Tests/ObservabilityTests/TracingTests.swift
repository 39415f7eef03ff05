import InMemoryTracing
import Logging
import Observability
import Synchronization
import TestSupport
import Testing
import Tracing

private struct Refused: Error {
    let statement = "SET mysql-monitor_password='hunter2'"
}

private struct Headers: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

@Suite("Spans around calls")
struct SpanTests {
    private func finished(_ name: String) throws -> FinishedInMemorySpan {
        try #require(TestTracer.shared.finishedSpans.last { $0.operationName == name })
    }

    @Test("a request says where it went and what came back, and neither path nor query")
    func request() async throws {
        _ = TestTracer.shared
        let headers = await Spans.http(
            "POST", "https://user:word@hooks.example.com:8443/services/SECRET?auth_token=SECRET",
            operation: "spans.request", resends: 2
        ) { span in
            span.answered(204)
            return span.headers.map(\.name)
        }
        #expect(headers == ["in-memory-trace-id", "in-memory-span-id"])
        let span = try finished("POST spans.request")
        #expect(span.kind == .client && span.status == nil)
        let attributes = span.attributes
        #expect(attributes.get("http.request.method") == .string("POST"))
        #expect(attributes.get("server.address") == .string("hooks.example.com"))
        #expect(attributes.get("server.port") == .int64(8_443))
        #expect(attributes.get("http.request.resend_count") == .int64(2))
        #expect(attributes.get("http.response.status_code") == .int64(204))
        attributes.forEach { _, value in #expect(!"\(value)".contains("SECRET") && !"\(value)".contains("word")) }
    }

    @Test("a statement is known by its first word, and its failure by its type")
    func statement() async throws {
        _ = TestTracer.shared
        await #expect(throws: Refused.self) {
            try await Spans.statement("  set mysql-monitor_password='hunter2'", at: "127.0.0.9", port: 6_032) {
                () async throws(Refused) -> Void in throw Refused()
            }
        }
        let span = try finished("SET proxysql-admin")
        #expect(span.status?.code == .error)
        #expect(span.attributes.get("db.system.name") == .string("mysql"))
        #expect(span.attributes.get("db.operation.name") == .string("SET"))
        #expect(span.attributes.get("error.type") == .string("Refused"))
        span.attributes.forEach { _, value in #expect(!"\(value)".contains("hunter2")) }
        #expect(span.errors.isEmpty)
    }

    @Test("a call inside of another belongs to it")
    func nested() async throws {
        _ = TestTracer.shared
        await Spans.call("spans.outer", [:]) { _ in await Spans.call("spans.inner", [:]) { _ in } }
        let (outer, inner) = (try finished("spans.outer"), try finished("spans.inner"))
        #expect(inner.spanContext.traceID == outer.spanContext.traceID)
        #expect(inner.spanContext.parentSpanID == outer.spanContext.spanID)
    }
}

@Suite("Trace context over HTTP")
struct TraceContextTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("a trace that comes in goes out again with a span of our own, and with what others wrote")
    func propagation() throws {
        let tracer = TraceContextTracer(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": Self.parent, "tracestate": "a=b"], into: &context, using: Headers())
        let span = tracer.startSpan("work", context: context, ofKind: .server)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: Headers())
        let sent = try #require(headers["traceparent"].flatMap { TraceContext(header: $0) })
        #expect(sent.traceID == "0af7651916cd43dd8448eb211c80319c" && sent.flags == "01")
        #expect(sent.spanID != "b7ad6b7169203331" && sent.spanID.utf8.count == 16)
        #expect(headers["tracestate"] == "a=b")
    }

    @Test(
        "what is not well-formed begins a new trace",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "ff" + parent.dropFirst(2),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01", parent + "-00", parent.uppercased(),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ])
    func malformed(header: String) {
        #expect(TraceContext(header: header) == nil)
    }

    @Test("log messages carry the ids of the span under way")
    func metadata() {
        var context = ServiceContext.topLevel
        context.trace = TraceContext(header: Self.parent)
        let said = ServiceContext.$current.withValue(context) { Logger.MetadataProvider.traceContext.get() }
        #expect(said["trace_id"] == "0af7651916cd43dd8448eb211c80319c" && said["span_id"] == "b7ad6b7169203331")
        #expect(Logger.MetadataProvider.traceContext.get().isEmpty)
    }
}
