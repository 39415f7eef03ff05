import AsyncHTTPClient
import ControlClient
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite("Following events by drover ctl", .timeLimit(.minutes(1)))
struct FollowTests {
    /// Where each stream was asked to begin.
    private final class Begins: Sendable {
        let all = Mutex<[String]>([])

        func add(_ begin: String) -> Int {
            all.withLock { all in
                all.append(begin)
                return all.count
            }
        }
    }

    @Test("a stream that ends before anything happened is taken up where it began")
    func quietStream() async throws {
        let begins = Begins()
        let router = Router()
        router.get("/v1/events") { request, _ -> Response in
            guard let after = request.uri.queryParameters.get("after") else {
                return Response(
                    status: .ok, headers: [.contentType: "application/json"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"items":[{"id":41}]}"#)))
            }
            let isFirst = begins.add(after) == 1
            let text = isFirst ? "retry: 2000\n\n" : "id: 42\ndata: {\"id\":42,\"sentence\":\"It went on.\"}\n\n"
            return Response(
                status: .ok, headers: [.contentType: "text/event-stream"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        try await Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: silent
        ).test(.live) { client in
            let (clock, screen) = (ManualClock(), Screen())
            let work = Operator(
                client: APIClient(
                    "http://127.0.0.1:\(client.port ?? 0)", token: nil, http: .shared, timeout: .seconds(10),
                    clock: clock),
                presentation: .table,
                terminal: .init(say: { text in screen.text.withLock { $0 += text } }, ask: { _ in false }))
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await work.follow(after: nil, group: nil, kind: nil) }
                await clock.waitForSleeps { $0 == [.seconds(2)] }
                clock.advance(by: .seconds(2))
                await clock.waitForSleeps { $0 == [.seconds(4)] }
                tasks.cancelAll()
            }
            #expect(begins.all.withLock { $0 } == ["41", "41"])
            #expect(screen.shown.contains("It went on."))
        }
    }
}
