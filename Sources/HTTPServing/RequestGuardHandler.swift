import NIOCore
import NIOHTTP1

/// Where a connection is between the head of a request and the end of its answer; requests may be pipelined.
struct RequestProgress: Sendable {
    private(set) var unanswered = 0
    private var isReceiving = false

    /// What the connection does now.
    var phase: ConnectionLedger.Phase {
        isReceiving ? .receiving : unanswered > 0 ? .answering : .waiting
    }

    /// The head of a request came.
    mutating func headCame() {
        unanswered += 1
        isReceiving = true
    }

    /// A request came to its end.
    mutating func endCame() { isReceiving = false }

    /// An answer was written to its end.
    mutating func answered() { unanswered = max(0, unanswered - 1) }
}

/// Closes a connection whose client is late: with the head of a request, with its body, or with the next request; and
/// answers a head that is too large with 431 (RFC 6585, section 5).
final class RequestGuardHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ServerLimits
    private let pass: ConnectionGate.Pass
    private var progress = RequestProgress()
    private var phase = ConnectionLedger.Phase.waiting
    private var deadline: Scheduled<Void>?
    private var end: Scheduled<Void>?

    /// Makes the handler of one connection.
    init(limits: ServerLimits, pass: ConnectionGate.Pass) {
        self.limits = limits
        self.pass = pass
    }

    func handlerAdded(context: ChannelHandlerContext) {
        deadline = close(context, in: limits.headTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) { rest() }

    func channelInactive(context: ChannelHandlerContext) {
        rest()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            progress.headCame()
            step(context)
        case .body: break
        case .end:
            progress.endCame()
            step(context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            progress.answered()
            step(context)
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, end == nil { end = close(context, in: limits.shutdownGrace) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard case HTTPParserError.headerOverflow = error, progress.unanswered == 0, end == nil else {
            context.fireErrorCaught(error)
            return
        }
        let head = HTTPResponseHead(
            version: .http1_1, status: .requestHeaderFieldsTooLarge,
            headers: ["connection": "close", "content-length": "0"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // What the client still sends is taken for a moment: a reset would overtake the answer.
        context.close(mode: .output, promise: nil)
        end = close(context, in: .seconds(1))
    }

    private func step(_ context: ChannelHandlerContext) {
        guard progress.phase != phase else { return }
        phase = progress.phase
        pass.note(phase)
        deadline?.cancel()
        deadline =
            switch phase {
            case .waiting: close(context, in: limits.idleTimeout)
            case .receiving: close(context, in: limits.bodyTimeout + ServerLimits.bodyGrace)
            case .answering: nil
            }
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        return context.eventLoop.scheduleTask(in: time) { bound.value.close(promise: nil) }
    }

    private func rest() {
        deadline?.cancel()
        end?.cancel()
        deadline = nil
        end = nil
    }
}
