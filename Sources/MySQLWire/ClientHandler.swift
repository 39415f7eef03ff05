import Logging
import NIOCore
import NIOSSL

/// Carries bytes between a channel and the client's state machine, and answers to those who asked.
final class ClientHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// What a result is collected into, or streamed to, while its rows come.
    private enum Sink {
        case none
        case collecting(MySQLColumns)
        case streaming(RowStream.Producer.Source)
    }

    private let configuration: MySQLConfiguration
    private let connected: EventLoopPromise<String>
    private let logger: Logger
    private var machine: ClientStateMachine
    private var framing: PacketFraming
    private var context: ChannelHandlerContext?
    private var queue: [ClientCommand] = []
    private var current: ClientCommand?
    private var sink = Sink.none
    /// What was collected, or the batch that is being filled: beside the sink, so that appending never copies.
    private var rows: [MySQLRow] = []
    private var collectedBytes = 0
    private var isPaused = false
    private var owesRead = false
    private var failure: (any Error)?

    init(configuration: MySQLConfiguration, connected: EventLoopPromise<String>, logger: Logger) {
        self.configuration = configuration
        self.connected = connected
        self.logger = logger
        self.machine = ClientStateMachine(login: configuration.login)
        self.framing = PacketFraming(maximumPayload: configuration.maximumPayloadBytes)
    }

    // MARK: Asked for by the connection, on its event loop

    func submit(_ command: ClientCommand) {
        if let failure {
            command.fail(failure)
        } else if queue.count >= configuration.maximumQueuedCommands {
            command.fail(MySQLWireError(.tooLarge, "\(queue.count) commands already wait on \(configuration)"))
        } else {
            queue.append(command)
            sendNext()
        }
    }

    /// Ends a command that nobody waits for any more: one that was not sent is forgotten, for one that was the
    /// connection is closed, because its answer would be taken for the next one's.
    func abandon(_ id: UInt64, _ error: MySQLWireError) {
        if let index = queue.firstIndex(where: { $0.id == id }) {
            queue.remove(at: index).fail(error)
        } else if current?.id == id {
            fail(error)
        }
    }

    func fail(_ error: any Error) {
        guard failure == nil else { return }
        failure = error
        // Whoever learns of the failure finds the socket closed.
        context?.close(promise: nil)
        connected.fail(error)
        finishSink(error)
        current?.fail(error)
        current = nil
        let waiting = queue
        queue = []
        for command in waiting { command.fail(error) }
    }

    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        if owesRead {
            owesRead = false
            context?.read()
        }
    }

    private func sendNext() {
        guard current == nil, machine.isIdle, !queue.isEmpty, let context else { return }
        let command = queue.removeFirst()
        current = command
        framing.beginCommand()
        machine.commandSent(command.kind)
        send(command.payload, context)
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        framing.append(unwrapInboundIn(data))
        do throws(MySQLWireError) {
            while failure == nil, let payload = try framing.next() {
                perform(try machine.received(payload), context)
            }
        } catch {
            fail(error)
        }
        flushBatch()
    }

    func read(context: ChannelHandlerContext) {
        if isPaused {
            owesRead = true
        } else {
            context.read()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(MySQLWireError(.connectionClosed, "\(configuration) closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(MySQLWireError(.connectionClosed, "the connection to \(configuration) broke: \(error)"))
    }

    // MARK: Actions

    private func perform(_ action: ClientStateMachine.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .wait:
            break
        case .send(let payload):
            send(payload, context)
        case .startTLS(let request, let response):
            startTLS(request, response, context)
        case .ready(let version):
            connected.succeed(version)
            sendNext()
        case .columns(let columns):
            begin(columns)
        case .row(let row):
            take(row)
        case .complete(let completion):
            complete(completion)
        case .refused(let error, let isFatal):
            isFatal ? fail(error) : refuse(error)
        }
    }

    private func send(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        var bytes = context.channel.allocator.buffer(capacity: payload.readableBytes + 4)
        framing.write(payload, into: &bytes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func startTLS(_ request: ByteBuffer, _ response: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !framing.hasPartialPayload else {
            return fail(MySQLWireError(.malformed, "the server spoke before TLS was agreed on"))
        }
        send(request, context)
        do {
            let handler: NIOSSLClientHandler
            switch configuration.tls {
            case .disabled:
                return fail(MySQLWireError(.tlsUnavailable, "TLS was not configured"))
            case .preferred(let tls, let hostname), .required(let tls, let hostname):
                handler = try NIOSSLClientHandler(context: tls, serverHostname: hostname)
            case .inspected(let tls, let show):
                handler = try NIOSSLClientHandler(context: tls, serverHostname: nil) { chain, promise in
                    if let leaf = chain.first { show(leaf) }
                    promise.succeed(NIOSSLVerificationResult.failed)
                }
            }
            try context.pipeline.syncOperations.addHandler(handler, position: .first)
        } catch {
            return fail(MySQLWireError(.tlsUnavailable, "TLS to \(configuration) could not be set up: \(error)"))
        }
        send(response, context)
    }

    private func begin(_ columns: MySQLColumns) {
        guard let current else { return }
        switch current.receiver {
        case .result:
            sink = .collecting(columns)
        case .rows(let promise):
            guard let context else { return }
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let loop = context.eventLoop
            let id = current.id
            let made = RowStream.Producer.makeSequence(
                backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8),
                finishOnDeinit: true,
                delegate: RowDemand(
                    onDemand: { loop.execute { bound.value.resumeReading() } },
                    onEnd: {
                        loop.execute {
                            bound.value.abandon(id, MySQLWireError(.cancelled, "the rows were not read to their end"))
                        }
                    }))
            sink = .streaming(made.source)
            promise.succeed(RowStream(columns: columns, batches: made.sequence))
        }
    }

    private func take(_ row: MySQLRow) {
        if case .collecting = sink {
            collectedBytes += row.byteCount
            guard collectedBytes <= configuration.maximumResultBytes else {
                return fail(
                    MySQLWireError(
                        .tooLarge, "the result has more than \(configuration.maximumResultBytes) bytes; stream it"))
            }
        }
        rows.append(row)
    }

    private func flushBatch() {
        guard case .streaming(let source) = sink, !rows.isEmpty else { return }
        let batch = rows
        rows = []
        rows.reserveCapacity(batch.count)
        switch source.yield(contentsOf: CollectionOfOne(batch)) {
        case .produceMore, .dropped: break
        case .stopProducing: isPaused = true
        }
    }

    private func endSink() {
        sink = .none
        rows = []
        collectedBytes = 0
    }

    private func complete(_ completion: MySQLCompletion) {
        guard let ended = current else { return }
        flushBatch()
        current = nil
        ended.deadline.cancel()
        switch (ended.receiver, sink) {
        case (.result(let promise), .collecting(let columns)):
            promise.succeed(MySQLResult(columns: columns.list, rows: rows, completion: completion))
        case (.result(let promise), _):
            promise.succeed(MySQLResult(columns: [], rows: [], completion: completion))
        case (.rows, .streaming(let source)):
            source.finish()
        case (.rows(let promise), _):
            promise.fail(MySQLWireError(.malformed, "the statement has no rows"))
        }
        endSink()
        resumeReading()
        sendNext()
    }

    private func refuse(_ error: MySQLServerError) {
        guard let ended = current else { return }
        current = nil
        finishSink(error)
        ended.fail(error)
        resumeReading()
        sendNext()
    }

    private func finishSink(_ error: any Error) {
        flushBatch()
        if case .streaming(let source) = sink { source.finish(error) }
        endSink()
    }
}
