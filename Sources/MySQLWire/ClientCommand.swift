import NIOCore

/// A command that was asked for and has not ended.
struct ClientCommand: Sendable {
    /// Who gets what comes back.
    enum Receiver: Sendable {
        /// Everything at the end; rows are collected up to a limit in bytes.
        case result(EventLoopPromise<MySQLResult>)
        /// The rows as they come.
        case rows(EventLoopPromise<RowStream>)
    }

    let id: UInt64
    let payload: ByteBuffer
    let kind: ClientStateMachine.CommandKind
    let receiver: Receiver
    let deadline: Scheduled<Void>

    func fail(_ error: any Error) {
        deadline.cancel()
        switch receiver {
        case .result(let promise): promise.fail(error)
        case .rows(let promise): promise.fail(error)
        }
    }
}

/// The columns of a streamed result and where its rows come out.
struct RowStream: Sendable {
    typealias Producer = NIOThrowingAsyncSequenceProducer<
        [MySQLRow], any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, RowDemand
    >

    var columns: MySQLColumns
    var batches: Producer
}

/// Tells the connection whether whoever reads the rows keeps up.
struct RowDemand: NIOAsyncSequenceProducerDelegate {
    let onDemand: @Sendable () -> Void
    let onEnd: @Sendable () -> Void

    func produceMore() { onDemand() }
    func didTerminate() { onEnd() }
}

/// A collected result.
public struct MySQLResult: Sendable {
    /// The result's columns; empty when the statement had no result.
    public var columns: [MySQLColumn]
    /// Its rows.
    public var rows: [MySQLRow]
    /// What the server said at the end.
    public var completion: MySQLCompletion

    /// Rows that were changed.
    public var affectedRows: UInt64 { completion.affectedRows }
}

extension MySQLResult {
    /// A result as it would come over the wire, for a server in the same process; nil is NULL.
    /// - Throws: `MySQLWireError` when a row does not have a cell for each column.
    package init(columns names: [String], rows texts: [[String?]], affectedRows: UInt64 = 0) throws(MySQLWireError) {
        columns = names.map { MySQLColumn(name: $0) }
        completion = MySQLCompletion(affectedRows: affectedRows)
        rows = []
        let shared = MySQLColumns(columns)
        for text in texts { rows.append(try MySQLRow(columns: shared, payload: MySQLRow.payload(text))) }
    }
}

/// The rows of a streamed result; each can be read once.
public struct MySQLRowSequence: AsyncSequence, Sendable {
    /// The result's columns.
    public let columns: MySQLColumns
    let batches: RowStream.Producer

    /// Reads the rows one after another; the server is only read as fast as this is called.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var batches: RowStream.Producer.AsyncIterator
        var batch: [MySQLRow] = []
        var position = 0

        /// The next row, or nil at the end.
        /// - Throws: `MySQLServerError` or `MySQLWireError` when the result broke off.
        public mutating func next() async throws -> MySQLRow? {
            try await next(isolation: nil)
        }

        /// The next row, or nil at the end, read where the caller runs: a row that is here already costs no change of
        /// executor.
        /// - Throws: `MySQLServerError` or `MySQLWireError` when the result broke off.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(any Error) -> MySQLRow? {
            while position == batch.count {
                guard let next = try await batches.next(isolation: actor) else { return nil }
                batch = next
                position = 0
            }
            defer { position += 1 }
            return batch[position]
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(batches: batches.makeAsyncIterator())
    }
}
