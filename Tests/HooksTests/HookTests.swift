import AsyncHTTPClient
import FleetModel
import Foundation
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Hooks

private let environment = Program.environment(ProcessInfo.processInfo.environment)

private func shell(
    _ script: String, deadline: Duration = .seconds(20), clock: any Clock<Duration> = ContinuousClock()
) -> Program {
    Program(["/bin/sh", "-c", script], environment: environment, deadline: deadline, clock: clock)
}

@Suite("Programs as hooks", .timeLimit(.minutes(1)))
struct ProgramTests {
    @Test("a program gets the document on its standard input, and what it says comes back")
    func delivers() async throws {
        let answer = try await shell("read line; echo \"got $line\"; echo more >&2").call(Array("{\"a\":1}\n".utf8))
        #expect(answer.status == 0)
        #expect(answer.firstLine == "got {\"a\":1}")
        #expect(answer.text.contains("more"))
    }

    @Test("its exit code is its verdict, and its first words are in the error")
    func fails() async throws {
        await #expect {
            try await shell("echo 'the load balancer is busy'; exit 3").call([])
        } throws: { error in
            let failure = error as? HookFailure
            return failure?.code == .failed && failure?.answer?.status == 3
                && failure?.message == "/bin/sh ended with exit code 3: the load balancer is busy"
        }
        await #expect { try await shell("kill -9 $$").call([]) } throws: { "\($0)".contains("signal 9") }
    }

    @Test("one that does not read, and one that writes without end before it reads, are no trouble")
    func pipes() async throws {
        let large = [UInt8](repeating: 0x78, count: 300_000)
        #expect(try await shell("exit 0").call(large).status == 0)
        let answer = try await shell("head -c 300000 /dev/zero | tr '\\0' y; cat > /dev/null").call(large)
        #expect(answer.text == String(repeating: "y", count: 4_096))
    }

    @Test("after the deadline it is ended, with everything that it started")
    func deadline() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-hook-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let clock = ManualClock()
        let script = "mkfifo \(folder)/p; sleep 600 & echo $! > \(folder)/child; echo up > \(folder)/up; wait"
        async let failure: HookFailure? = {
            do throws(HookFailure) {
                _ = try await shell(script, deadline: .seconds(10), clock: clock).call([])
                return nil
            } catch {
                return error
            }
        }()
        while !FileManager.default.fileExists(atPath: "\(folder)/up") { await Task.yield() }
        await clock.waitForSleeps { $0 == [.seconds(10)] }
        clock.advance(by: .seconds(10))
        #expect(await failure?.code == .deadlineExceeded)
        let child = try String(contentsOfFile: "\(folder)/child", encoding: .utf8).split(separator: "\n").first
        let identifier = try #require(child.flatMap { Int32($0) })
        // Gone, or a zombie that nobody has waited for; the signal was sent, and the kernel takes its time.
        while let state = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8),
            !state.contains(") Z ")
        {
            await Task.yield()
        }
    }

    @Test("one that is not there is named")
    func absent() async throws {
        let program = Program(["/nonexistent/hook"], environment: [:], deadline: .seconds(5), clock: ContinuousClock())
        await #expect { try await program.call([]) } throws: {
            ($0 as? HookFailure)?.code == .unreachable && "\($0)".contains("/nonexistent/hook")
        }
    }

    @Test("no variable of ours comes to it unless it is named")
    func environmentIsBare() async throws {
        let ours = ["PATH": "/usr/bin:/bin", "AGENT_PROXYSQL_PASSWORD": "s3cret", "REGION": "eu"]
        let given = Program.environment(ours, passing: ["REGION"])
        let program = Program(["env"], environment: given, deadline: .seconds(20), clock: ContinuousClock())
        let text = try await program.call([]).text
        #expect(text.contains("REGION=eu"))
        #expect(!text.contains("s3cret"))
    }
}

/// What an endpoint got, and what it answers.
final class Endpoint: Sendable {
    struct Call: Sendable {
        var body: String
        var authorization: String?
    }

    let calls = Mutex<[Call]>([])
    let answer: Response

    init(_ answer: Response) { self.answer = answer }

    /// Serves it on loopback while `body` runs.
    static func serving(_ answer: Response, _ body: (Endpoint, String) async throws -> Void) async throws {
        let endpoint = Endpoint(answer)
        let router = Router()
        router.post("/hook") { request, _ in
            let text = String(buffer: try await request.body.collect(upTo: 1 << 20))
            endpoint.calls.withLock {
                $0.append(Call(body: text, authorization: request.headers[.authorization]))
            }
            return endpoint.answer
        }
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, server: .cancellable, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await application.run() }
            var iterator = ports.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            try await body(endpoint, "http://127.0.0.1:\(port)/hook")
            tasks.cancelAll()
        }
    }
}

@Suite("Webhooks as hooks", .timeLimit(.minutes(1)))
struct WebhookTests {
    private func webhook(
        _ url: String, token: String? = nil, deadline: Duration = .seconds(10),
        clock: any Clock<Duration> = ContinuousClock()
    ) -> Webhook {
        Webhook(
            Secret(url), token: token.map { .fixed(Secret($0)) } ?? .none, client: HTTPClient.shared,
            deadline: deadline, clock: clock)
    }

    @Test("one that does not answer is late, whoever notices it first: we or the HTTP client")
    func late() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        // Our clock stands still, so it is the client.
        let hook = webhook(
            "http://127.0.0.1:\(silent.localAddress?.port ?? 0)/", deadline: .milliseconds(50), clock: ManualClock())
        await #expect { try await hook.call([]) } throws: {
            ($0 as? HookFailure)?.code == .deadlineExceeded
        }
        try await silent.close()
    }

    @Test("the document is the body of a POST, with the token")
    func delivers() async throws {
        try await Endpoint.serving(Response(status: .noContent)) { endpoint, url in
            let answer = try await webhook(url, token: "t0ken").call(Array("{\"a\":1}".utf8))
            #expect(answer.status == 204)
            let calls = endpoint.calls.withLock { $0 }
            #expect(calls.map(\.body) == ["{\"a\":1}"])
            #expect(calls.map(\.authorization) == ["Bearer t0ken"])
        }
    }

    @Test(
        "a status says whether another try makes sense",
        arguments: [
            (HTTPResponse.Status.internalServerError, HookFailure.Code.failed), (.serviceUnavailable, .failed),
            (.tooManyRequests, .failed), (.requestTimeout, .failed), (.badRequest, .rejected), (.notFound, .rejected),
            (.found, .rejected),
        ])
    func judges(status: HTTPResponse.Status, code: HookFailure.Code) async throws {
        let answer = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: "\n no_service \n")))
        try await Endpoint.serving(answer) { _, url in
            await #expect { try await webhook(url).call([]) } throws: {
                ($0 as? HookFailure)?.code == code && "\($0)".contains("answered \(status.code):  no_service")
            }
        }
    }

    @Test("how long it wants to be left alone is taken up")
    func retryAfter() async throws {
        let answer = Response(status: .tooManyRequests, headers: [.retryAfter: "30"])
        try await Endpoint.serving(answer) { _, url in
            await #expect { try await webhook(url).call([]) } throws: {
                ($0 as? HookFailure)?.retryAfter == .seconds(30)
            }
        }
    }

    @Test("nothing of the URL but host and port is ever shown")
    func secrecy() async throws {
        let hook = webhook("http://user:pw@127.0.0.1:9/services/T0/B0/s3cret?k=v", deadline: .milliseconds(100))
        #expect(hook.name == "127.0.0.1:9")
        await #expect { try await hook.call([]) } throws: {
            let text = "\($0)"
            return $0 is HookFailure && !text.contains("s3cret") && !text.contains("pw@")
        }
        #expect(!"\(hook)".contains("s3cret"))
        #expect(Webhook.complaint(about: "https://hooks.slack.com/services/a/b/c") == nil)
        for url in ["", "hooks.slack.com", "ftp://x/", "https://", "https:///path", "https://a b/"] {
            #expect(Webhook.complaint(about: url) != nil)
        }
    }
}
