import Hummingbird
import JSONValues
import NIOCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the stand-ins for Pub/Sub and Datastore have in common: JSON in and out, a record of the calls, and failures
/// that a test asks for.
package final class StandInCalls: Sendable {
    /// A failure that a test asks for.
    package struct Fault: Sendable {
        /// The calls that it happens to: those whose `METHOD path` ends with this.
        package var suffix: String
        /// What is answered.
        package var error: GoogleError
        /// Whether the call takes effect all the same.
        package var hasEffect: Bool

        /// Makes a fault.
        package init(_ suffix: String, _ error: GoogleError, hasEffect: Bool = false) {
            self.suffix = suffix
            self.error = error
            self.hasEffect = hasEffect
        }
    }

    private struct State {
        var calls: [String] = []
        var faults: [Fault] = []
    }

    private let state = Mutex(State())

    /// Nothing was called yet.
    package init() {}

    /// The calls so far, as `METHOD path`, at most the last 10,000.
    package var made: [String] { state.withLock { $0.calls } }

    /// The next call that matches fails; call it repeatedly for more than one.
    package func inject(_ fault: Fault) {
        state.withLock { $0.faults.append(fault) }
    }

    /// Notes a call, and takes the fault that happens to it.
    func begin(_ call: String) -> Fault? {
        state.withLock { state in
            state.calls.append(call)
            if state.calls.count > 10_000 { state.calls.removeFirst(1_000) }
            guard let index = state.faults.firstIndex(where: { call.hasSuffix($0.suffix) }) else { return nil }
            return state.faults.remove(at: index)
        }
    }

    /// Answers a request: reads its JSON, lets `body` answer, and writes what that says.
    func answer(
        _ request: Request, _ body: @Sendable (JSONValue) async throws(GoogleError) -> JSONValue
    ) async throws -> Response {
        let buffer = try await request.body.collect(upTo: 16 << 20)
        let fault = begin("\(request.method.rawValue) \(request.uri.path)")
        if let fault, !fault.hasEffect { return Self.response(fault.error.body, fault.error.status) }
        let json: JSONValue
        if buffer.readableBytes == 0 {
            json = [:]
        } else if let parsed = try? JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView)) {
            json = parsed
        } else {
            let error = GoogleError.canonical(400, "INVALID_ARGUMENT", "Payload isn't valid for request.")
            return Self.response(error.body, error.status)
        }
        do throws(GoogleError) {
            let answer = try await body(json)
            if let fault { return Self.response(fault.error.body, fault.error.status) }
            return Self.response(answer, 200)
        } catch {
            return Self.response(error.body, error.status)
        }
    }

    private static func response(_ value: JSONValue, _ status: Int) -> Response {
        let data = (try? JSONEncoder().encode(value)) ?? Data()
        return Response(
            status: .init(code: status), headers: [.contentType: "application/json", .server: "drover-sandbox"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
