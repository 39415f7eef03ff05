import Tracing

/// A call of another system, while it is under way, as a span (swift-distributed-tracing).
package struct CallSpan: Sendable {
    fileprivate let span: any Span

    /// What a request carries so that whoever answers it belongs to the same trace: `traceparent` and the like.
    package var headers: [(name: String, value: String)] {
        var carrier: [(name: String, value: String)] = []
        InstrumentationSystem.instrument.inject(span.context, into: &carrier, using: PairInjector())
        return carrier
    }

    /// Notes a number, by its name in OpenTelemetry's semantic conventions.
    package func note(_ name: String, _ value: Int) {
        span.updateAttributes { $0[name] = value }
    }

    /// Notes the status of an HTTP answer.
    package func answered(_ status: Int) {
        note("http.response.status_code", status)
        if status >= 400 { failed("\(status)") }
    }

    fileprivate func failed(_ type: String) {
        span.updateAttributes { $0["error.type"] = type }
        span.setStatus(SpanStatus(code: .error))
    }
}

/// Spans around calls of other systems, named as OpenTelemetry's semantic conventions do. They hold no statement, no
/// path and no query, any of which may hold a secret.
package enum Spans {
    /// One try of an HTTP request.
    ///
    /// - Parameters:
    ///   - url: where it goes; only scheme, host and port are noted.
    ///   - operation: what is called, without anything that only this call has.
    ///   - resends: how many tries there were before.
    package static func http<Value, Failure: Error>(
        _ method: String, _ url: String, operation: String? = nil, resends: Int = 0,
        isolation: isolated (any Actor)? = #isolation, _ body: (CallSpan) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        var attributes = ["http.request.method": method]
        let (scheme, host, port) = place(url)
        attributes["url.scheme"] = scheme
        attributes["server.address"] = host
        attributes["url.template"] = operation
        return try await call(operation.map { "\(method) \($0)" } ?? method, attributes) {
            span async throws(Failure) in
            if let port { span.note("server.port", port) }
            if resends > 0 { span.note("http.request.resend_count", resends) }
            return try await body(span)
        }
    }

    /// One statement of a ProxySQL admin interface.
    ///
    /// - Parameter statement: only its first word is noted.
    package static func statement<Value, Failure: Error>(
        _ statement: String, at host: String, port: Int, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let word = String(statement.drop { $0.isWhitespace }.prefix { $0.isLetter }).uppercased()
        let attributes = [
            "db.system.name": "mysql", "db.operation.name": word, "db.namespace": "proxysql-admin",
            "server.address": host,
        ]
        return try await call("\(word) proxysql-admin", attributes) { span async throws(Failure) in
            span.note("server.port", port)
            return try await body()
        }
    }

    /// Any other call.
    package static func call<Value, Failure: Error>(
        _ name: String, _ attributes: [String: String], isolation: isolated (any Actor)? = #isolation,
        _ body: (CallSpan) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let span = InstrumentationSystem.tracer.startAnySpan(
            name, context: ServiceContext.current ?? .topLevel, ofKind: .client)
        span.updateAttributes { all in
            for (name, value) in attributes { all[name] = value }
        }
        let call = CallSpan(span: span)
        let result: Result<Value, Failure> = await ServiceContext.$current.withValue(span.context) {
            do throws(Failure) {
                return .success(try await body(call))
            } catch {
                // Its text may hold a statement.
                call.failed("\(type(of: error))")
                return .failure(error)
            }
        }
        span.end()
        return try result.get()
    }

    /// Scheme, host and port of a URL.
    static func place(_ url: String) -> (scheme: String?, host: String?, port: Int?) {
        guard let mark = url.firstRange(of: "://") else { return (nil, nil, nil) }
        let scheme = String(url[..<mark.lowerBound])
        let authority = url[mark.upperBound...].prefix { !"/?#".contains($0) }.split(separator: "@").last ?? ""
        let colon = authority.last == "]" ? nil : authority.lastIndex(of: ":")
        let host = String(authority[..<(colon ?? authority.endIndex)])
        let port = colon.flatMap { Int(authority[authority.index(after: $0)...]) }
        return (scheme, host, port ?? ["https": 443, "http": 80][scheme])
    }
}

private struct PairInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [(name: String, value: String)]) {
        carrier.append((key, value))
    }
}
