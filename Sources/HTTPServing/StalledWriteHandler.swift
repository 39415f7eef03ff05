package import NIOCore

/// Closes a connection whose client does not take what is sent to it: no write was finished for `timeout` while one is
/// under way.
package final class StalledWriteHandler: ChannelOutboundHandler, RemovableChannelHandler {
    package typealias OutboundIn = Any
    package typealias OutboundOut = Any

    private let timeout: TimeAmount
    private var underWay = 0
    private var finished = 0
    private var look: Scheduled<Void>?

    /// Makes the handler of one connection.
    package init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        underWay += 1
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, _) = loopBound.value
            handler.underWay -= 1
            handler.finished += 1
            if handler.underWay == 0 { handler.rest() }
        }
        if look == nil { lookLater(context) }
        context.write(data, promise: written)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        rest()
    }

    private func rest() {
        look?.cancel()
        look = nil
    }

    private func lookLater(_ context: ChannelHandlerContext) {
        let seen = finished
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        look = context.eventLoop.scheduleTask(in: timeout) {
            let (handler, context) = loopBound.value
            handler.look = nil
            guard handler.underWay > 0 else { return }
            guard handler.finished > seen else {
                context.close(promise: nil)
                return
            }
            handler.lookLater(context)
        }
    }
}
