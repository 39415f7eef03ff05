import Foundation
import Hummingbird
import NIOCore
import Synchronization
import Testing

@testable import GoogleCloud

/// Runs `body`, which must fail with `code`.
private func expectFailure(_ code: GoogleFailure.Code, _ body: () async throws -> Void) async {
    do {
        try await body()
        Issue.record("\(code) was expected")
    } catch {
        #expect((error as? GoogleFailure)?.code == code, "\(error)")
    }
}

@Suite("What Google's APIs answer when they fail", .timeLimit(.minutes(1)))
struct ErrorAnswerTests {
    @Test("a date in Retry-After counts from the answer's own, and never backwards")
    func retryDate() {
        func pause(_ retryAfter: String, _ date: String?) -> Duration? {
            GoogleErrorAnswer.failure(
                429, Data(), .init(call: "GET /", requestID: nil, retryAfter: retryAfter, date: date)
            ).retryAfter
        }
        let date = "Fri, 02 Jan 2026 03:04:05 GMT"
        #expect(pause("Fri, 02 Jan 2026 03:04:12 GMT", date) == .seconds(7))
        #expect(pause("Fri, 02 Jan 2026 03:04:01 GMT", date) == .zero)
        #expect(pause("Sat, 02 Jan 2027 03:04:05 GMT", date) == .seconds(86_400))
        #expect(pause("Fri, 02 Jan 2026 03:04:12 GMT", nil) == nil)
        #expect(pause("soon", date) == nil)
    }

    @Test("who is asked to wait past the deadline learns so at once, and why")
    func retryPastDeadline() async throws {
        let count = Mutex(0)
        let router = Router()
        router.get("/x") { _, _ in
            count.withLock { $0 += 1 }
            return Response(status: .tooManyRequests, headers: [.retryAfter: "3600"])
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience)
            await expectFailure(.rateLimited) { _ = try await request.send(GoogleCall(.GET, "/x")) }
            #expect(count.withLock { $0 } == 1)
        }
    }

    @Test(
        "an error body of any shape tells what it can, and no more than fits into a line",
        arguments: [
            (#"[{"error":{"code":403,"message":"no","status":"ABORTED"}}]"#, "no", GoogleFailure.Code.aborted),
            (
                #"{"error":{"message":"no","status":"ABORTED","errors":"x","details":[{"reason":5},"y"]}}"#, "no",
                .aborted
            ),
            (#"{"error":"denied"}"#, "no message", .permissionDenied),
            ("<html><title>Error 403\n (Forbidden)!!1</title>", "Error 403 (Forbidden)!!1", .permissionDenied),
            ("<html>", "no message", .permissionDenied), ("", "no message", .permissionDenied),
            (" Unable to generate\n access token ", "Unable to generate access token", .permissionDenied),
            (#"{"access":"x"}"#, "no message", .permissionDenied),
            (String(repeating: "x", count: 400), String(repeating: "x", count: 300), .permissionDenied),
            (
                #"{"error":{"message":"\#(String(repeating: "x", count: 4_000))"}}"#,
                String(repeating: "x", count: 1_000), .permissionDenied
            ),
        ])
    func shapes(body: String, message: String, code: GoogleFailure.Code) {
        let failure = GoogleErrorAnswer.failure(403, Data(body.utf8), .init(call: "GET /"))
        #expect(failure.message == message)
        #expect(failure.code == code)
    }

    @Test("an answer beyond all bounds is not asked for again, and an error stays one")
    func tooLong() async throws {
        let count = Mutex(0)
        let router = Router()
        let body = ByteBuffer(repeating: UInt8(ascii: " "), count: (16 << 20) + 1)
        for (path, status) in [("/ok", HTTPResponse.Status.ok), ("/no", .forbidden)] {
            router.get(RouterPath(path)) { _, _ in
                count.withLock { $0 += 1 }
                return Response(status: status, body: .init(byteBuffer: body))
            }
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience)
            await expectFailure(.unreadable) { _ = try await request.send(GoogleCall(.GET, "/ok")) }
            await expectFailure(.permissionDenied) { _ = try await request.send(GoogleCall(.GET, "/no")) }
            #expect(count.withLock { $0 } == 2)
        }
    }
}
