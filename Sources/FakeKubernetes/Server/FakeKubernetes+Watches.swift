import Hummingbird
import KubernetesClient
import NIOCore
import Pacing

extension FakeKubernetes {
    /// Where a watch is in the history.
    private struct Cursor {
        var version: Int
        /// The newest change of the watched kind, which a bookmark names.
        var newest: Int
        /// Whether a bookmark has something to say.
        var hasNews = false
    }

    /// What a watch sends next.
    private enum Portion {
        case lines(String)
        case tooOld(Refusal)
        case ended
    }

    /// A watch: the lines come one by one until its time is over.
    func watch(_ call: APIRequest, _ request: Request) throws(Refusal) -> Response {
        let selection = try call.selection()
        let wanted = try call.version()
        let sendsBookmarks = ["1", "true"].contains(call.query["allowWatchBookmarks"] ?? "")
        let lifetime = call.query["timeoutSeconds"].flatMap { Int($0) }.map { Duration.seconds(max(1, $0)) }
        // The watch begins when the request comes, not when the first byte of the answer goes.
        let (first, version) = read { state -> (String, Int) in
            guard wanted == nil else { return ("", state.store.version) }
            let there = state.store.objects(selection.type).filter { selection.matches($0) }
            return (there.map { StoredChange.line("ADDED", $0.wholeText) }.joined(), state.store.version)
        }
        let start = wanted ?? version
        return Response(
            // Its end is the connection's end.
            status: .ok, headers: [.contentType: "application/json", .server: "drover-sandbox", .connection: "close"],
            body: ResponseBody { [self] writer in
                let wakeup = Wakeup()
                let (id, epoch) = addWatcher(wakeup)
                defer { removeWatcher(id) }
                var cursor = Cursor(version: start, newest: start)
                try await request.body.consumeWithInboundCloseHandler { _ in
                    // The head goes at once, as the real server's does.
                    try await writer.write(ByteBuffer(string: first))
                    let stopwatch = Stopwatch(clock)
                    var bookmarked: Duration = .zero
                    let end = lifetime ?? configuration.watchLifetime
                    while !Task.isCancelled, stopwatch.elapsed < end {
                        switch portion(selection, &cursor, id, epoch) {
                        case .ended: return
                        case .tooOld(let refusal):
                            let line = StoredChange.line("ERROR", refusal.document.text)
                            return try await writer.write(ByteBuffer(string: line))
                        case .lines(let lines):
                            if !lines.isEmpty { try await writer.write(ByteBuffer(string: lines)) }
                        }
                        let now = stopwatch.elapsed
                        if sendsBookmarks, cursor.hasNews, now - bookmarked >= configuration.bookmarkInterval {
                            try await writer.write(ByteBuffer(string: Self.bookmark(selection.type, cursor.newest)))
                            cursor.hasNews = false
                            bookmarked = now
                        }
                        await wakeup.wait(upTo: min(end - now, configuration.bookmarkInterval), clock: clock)
                    }
                    if sendsBookmarks, !Task.isCancelled {
                        try await writer.write(ByteBuffer(string: Self.bookmark(selection.type, cursor.newest)))
                    }
                } onInboundClosed: { [self] in
                    // Nobody listens any more.
                    removeWatcher(id)
                    wakeup.wake()
                }
                try await writer.finish(nil)
            })
    }

    private func portion(_ selection: ObjectSelection, _ cursor: inout Cursor, _ id: Int, _ epoch: Int) -> Portion {
        let from = cursor
        let (portion, after) = read { state -> (Portion, Cursor) in
            guard state.watchEpoch == epoch, state.watchers[id] != nil else { return (.ended, from) }
            guard let changes = state.store.changes(after: from.version) else {
                return (.tooOld(.tooOldWatch(from.version, state.store.version)), from)
            }
            var after = from
            var lines = ""
            for change in changes {
                after.version = change.version
                guard (change.after ?? change.before)?.type == selection.type else { continue }
                after.newest = change.version
                after.hasNews = true
                if let line = change.line(for: selection) { lines += line }
            }
            return (.lines(lines), after)
        }
        cursor = after
        return portion
    }

    private static func bookmark(_ type: ResourceType, _ version: Int) -> String {
        StoredChange.line(
            "BOOKMARK",
            #"{\#(type.heading),"metadata":{"resourceVersion":"\#(version)","creationTimestamp":null}}"#)
    }
}
