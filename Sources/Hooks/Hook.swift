/// Something of somebody else's that is told or asked: a program or a webhook.
package protocol Hook: Sendable {
    /// What it is, for logs; without secrets.
    var name: String { get }
    /// Hands over one JSON document and waits, at most for the hook's deadline.
    /// - Returns: what it answered, when it took the document.
    /// - Throws: `HookFailure`.
    func call(_ document: [UInt8]) async throws(HookFailure) -> HookAnswer
}

/// What a hook said.
package struct HookAnswer: Hashable, Sendable {
    /// The HTTP status; 0 for a program that ended well.
    package var status: Int
    /// The beginning of what it wrote, at most 4 KiB.
    package var text: String

    /// Makes an answer.
    package init(status: Int, text: String) {
        self.status = status
        self.text = text
    }

    /// The first line that says something.
    package var firstLine: String {
        text.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }.map(String.init) ?? ""
    }
}

/// Why a hook did not take a document; never with a secret in it.
package struct HookFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it was.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// The program could not be started, or the webhook was not reached.
        case unreachable
        /// It did not answer within its deadline.
        case deadlineExceeded = "deadline-exceeded"
        /// It answered and did not take the document, which may be otherwise the next time.
        case failed
        /// It will not take this document, however often it is offered.
        case rejected
        /// The task that called it was cancelled.
        case cancelled
    }

    /// What kind of failure it was.
    package var code: Code
    /// What was attempted and what happened.
    package var message: String
    /// What it answered, when it did.
    package var answer: HookAnswer?
    /// How long it asked to be left alone.
    package var retryAfter: Duration?

    /// Makes a failure.
    package init(_ code: Code, _ message: String, answer: HookAnswer? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.answer = answer
        self.retryAfter = retryAfter
    }

    /// Whether the same document may be taken another time.
    package var isRetryable: Bool { code != .rejected && code != .cancelled }

    package var description: String { "\(message) (\(code.rawValue))" }
}

/// The beginning of a text that comes in pieces.
struct BoundedText {
    private var bytes: [UInt8] = []
    private static let limit = 4_096

    mutating func append(_ piece: some Collection<UInt8>) {
        bytes.append(contentsOf: piece.prefix(Self.limit - bytes.count))
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Runs `body` and ends it when `deadline` passes first.
/// - Returns: nil when the deadline passed.
func within<Value: Sendable>(
    _ deadline: Duration, _ clock: any Clock<Duration>, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { tasks in
        tasks.addTask { try await body() }
        tasks.addTask {
            try await clock.sleep(for: deadline)
            return nil
        }
        defer { tasks.cancelAll() }
        return try await tasks.next() ?? nil
    }
}
