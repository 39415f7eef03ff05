import AsyncHTTPClient
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One line of a watch.
package enum WatchEvent<Resource: KubernetesResource>: Sendable {
    /// It is new, or new to the selection, or it was there when the watch began without a version.
    case added(Resource)
    /// It changed.
    case modified(Resource)
    /// It is gone, or no longer in the selection; this was its last state.
    case deleted(Resource)
    /// Nothing happened up to this version: resume from here.
    case bookmark(resourceVersion: String)

    /// The version to resume from after this event.
    package var resourceVersion: String? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object.metadata.resourceVersion
        case .bookmark(let version): version
        }
    }
}

/// The events of one watch, in order; it ends when the server ends it, which it does by itself after a few minutes.
package struct WatchEvents<Resource: KubernetesResource>: AsyncSequence, Sendable {
    package typealias Element = WatchEvent<Resource>
    package typealias Failure = KubernetesError

    let body: HTTPClientResponse.Body
    let attempt: String

    /// Reads the events of one watch.
    package struct AsyncIterator: AsyncIteratorProtocol {
        var body: HTTPClientResponse.Body.AsyncIterator
        var lines = LineBuffer()
        let attempt: String

        /// The next event; `nil` when the server ended the watch.
        /// - Throws: `gone` when the version is too old, `unavailable` when the connection broke, `unreadable`.
        package mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(KubernetesError) -> WatchEvent<Resource>? {
            while true {
                if let line = lines.next() {
                    if let event = try WatchLine<Resource>.event(line, attempt) { return event }
                    continue
                }
                let chunk: ByteBuffer?
                do {
                    chunk = try await body.next(isolation: actor)
                } catch {
                    throw KubernetesError(
                        error is CancellationError ? .cancelled : .unavailable, attempt, "the watch broke: \(error)")
                }
                guard let chunk else { return nil }
                guard lines.append(chunk) else {
                    throw KubernetesError(.unreadable, attempt, "a line has more than \(LineBuffer.maximum) bytes")
                }
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: body.makeAsyncIterator(), attempt: attempt)
    }
}

/// Cuts a stream into lines.
struct LineBuffer: Sendable {
    /// No object of etcd comes near it.
    static let maximum = 16 << 20
    private var buffer = ByteBuffer()
    private var searched = 0

    /// Takes more bytes; false when a line became too long.
    mutating func append(_ chunk: ByteBuffer) -> Bool {
        var chunk = chunk
        if buffer.readableBytes == 0 {
            buffer = chunk
            searched = 0
        } else {
            buffer.writeBuffer(&chunk)
        }
        return buffer.readableBytes <= Self.maximum
    }

    /// The next complete line that is not empty.
    mutating func next() -> ByteBuffer? {
        while true {
            let view = buffer.readableBytesView
            guard let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) else {
                searched = view.count
                return nil
            }
            let length = end - view.startIndex
            searched = 0
            let line = buffer.readSlice(length: length)
            buffer.moveReaderIndex(forwardBy: 1)
            if let line, line.readableBytes > 0 { return line }
        }
    }
}

/// `{"type":…,"object":…}`.
private enum WatchLine<Resource: KubernetesResource> {
    private struct Document: Decodable {
        enum CodingKeys: String, CodingKey {
            case type, object
        }

        struct Marked: Decodable {
            struct Metadata: Decodable {
                var resourceVersion: String
            }

            var metadata: Metadata
        }

        var event: WatchEvent<Resource>?
        var failure: StatusDocument?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            switch try container.decode(String.self, forKey: .type) {
            case "ADDED": event = .added(try container.decode(Resource.self, forKey: .object))
            case "MODIFIED": event = .modified(try container.decode(Resource.self, forKey: .object))
            case "DELETED": event = .deleted(try container.decode(Resource.self, forKey: .object))
            case "BOOKMARK":
                let marked = try container.decode(Marked.self, forKey: .object)
                event = .bookmark(resourceVersion: marked.metadata.resourceVersion)
            case "ERROR": failure = try container.decode(StatusDocument.self, forKey: .object)
            default: break  // A later server may say more.
            }
        }
    }

    static func event(_ line: ByteBuffer, _ attempt: String) throws(KubernetesError) -> WatchEvent<Resource>? {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(line.readableBytesView))
        } catch {
            throw KubernetesError(.unreadable, attempt, "a line of the watch is not an event: \(error)")
        }
        if let failure = document.failure { throw failure.error(attempt, status: failure.code ?? 500) }
        return document.event
    }
}

extension KubernetesClient {
    /// How much later than it was asked to the server may end a watch.
    private static let watchMargin: Duration = .seconds(30)

    /// Watches a selection from `resourceVersion` on, with bookmarks, and hands the events to `body`; without a version
    /// everything that is there comes first. The server is asked to end the watch after `lifetime`; a little later it
    /// is ended here, so that a connection that nobody answers on ends too.
    /// - Throws: what the server answered, `timeout`, or what `body` threw, if it was a `KubernetesError`.
    package func watch<Resource: KubernetesResource, Value: Sendable>(
        _ type: Resource.Type, in scope: NamespaceScope = .own, where selection: Selection = .all,
        from resourceVersion: String? = nil, lifetime: Duration = .seconds(300),
        _ body: @escaping @Sendable (WatchEvents<Resource>) async throws -> Value
    ) async throws(KubernetesError) -> Value {
        var parameters =
            selection.parameters + [
                ("watch", "1"), ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", String(max(1, lifetime.components.seconds))),
            ]
        if let resourceVersion { parameters.append(("resourceVersion", resourceVersion)) }
        let namespace = name(of: scope)
        let call = Transport.Call(
            method: .GET, path: type.kind.path(namespace: namespace) + URLText.query(parameters),
            attempt: attempt("watch", type.kind, namespace), isIdempotent: true)
        var isRefused = false
        while true {
            let token = try await transport.credentials.token()
            do throws(KubernetesError) {
                return try await Deadline.run(
                    lifetime + Self.watchMargin, clock: clock, attempt: call.attempt
                ) { [transport, options] in
                    let response = try await transport.open(call, token: token, headTimeout: options.timeout)
                    return try await body(WatchEvents(body: response.body, attempt: call.attempt))
                }
            } catch {
                guard error.code == .unauthorized, !isRefused, await transport.credentials.refuse(token) else {
                    throw error
                }
                isRefused = true
            }
        }
    }
}
