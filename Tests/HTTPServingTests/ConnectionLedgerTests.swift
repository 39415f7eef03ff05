import Testing

@testable import HTTPServing

@Suite("Connections of a server")
struct ConnectionLedgerTests {
    @Test("a flood from one address takes its own places, not another address's")
    func flood() {
        var ledger = ConnectionLedger(maximum: 4)
        #expect(ledger.admit(0, from: "10.0.0.1") == .admitted)
        for id in 1...3 { #expect(ledger.admit(id, from: "10.9.9.9") == .admitted) }
        for id in 4...50 { #expect(ledger.admit(id, from: "10.9.9.9") == .admittedInPlaceOf(id - 3)) }
        #expect(ledger.admit(51, from: "10.0.0.2") == .admittedInPlaceOf(48))
        #expect(ledger.count == 4)
    }

    @Test("one that waits for a request goes before one that sends a body, and one that is answered stays")
    func phases() {
        var ledger = ConnectionLedger(maximum: 3)
        for id in 0...2 { _ = ledger.admit(id, from: "\(id)") }
        ledger.note(0, .receiving)
        ledger.note(1, .answering)
        #expect(ledger.admit(3, from: "3") == .admittedInPlaceOf(2))
        ledger.note(3, .answering)
        #expect(ledger.admit(4, from: "4") == .admittedInPlaceOf(0))
        ledger.note(4, .answering)
        #expect(ledger.admit(5, from: "5") == .refused)
        ledger.note(1, .waiting)
        #expect(ledger.admit(6, from: "6") == .admittedInPlaceOf(1))
    }

    @Test("the place of a closed connection is free, and a late word about it changes nothing")
    func closed() {
        var ledger = ConnectionLedger(maximum: 1)
        #expect(ledger.admit(0, from: "a") == .admitted)
        ledger.remove(0)
        ledger.remove(0)
        ledger.note(0, .waiting)
        #expect(ledger.count == 0)
        #expect(ledger.admit(1, from: "b") == .admitted)
    }

    @Test(
        "servers leave descriptors to everything else",
        arguments: [(65_536, 1_000), (1_024, 244), (256, 52), (128, 20), (64, 4), (20, 4), (-1, 1_000)])
    func share(limit: Int, connections: Int) {
        #expect(Descriptors.connections(wanted: 1_000, limit: limit) == connections)
        #expect(Descriptors.connections(wanted: 3, limit: limit) == 3)
    }
}

@Suite("Requests on a connection")
struct RequestProgressTests {
    @Test("a pipelined request keeps the connection answering until the last answer")
    func pipelined() {
        var progress = RequestProgress()
        #expect(progress.phase == .waiting)
        progress.headCame()
        #expect(progress.phase == .receiving)
        progress.endCame()
        progress.headCame()
        progress.endCame()
        #expect(progress.phase == .answering)
        progress.answered()
        #expect(progress.phase == .answering)
        progress.answered()
        #expect(progress.phase == .waiting)
    }

    @Test("an answer before the end of the body leaves the body to come")
    func early() {
        var progress = RequestProgress()
        progress.headCame()
        progress.answered()
        #expect(progress.phase == .receiving)
        progress.endCame()
        #expect(progress.phase == .waiting)
    }
}
