import Testing

@testable import ProxySQLAdmin

@Suite("Texts for ProxySQL")
struct SQLTextTests {
    @Test(
        "a NUL and anything but one statement are refused",
        arguments: [";", "", " ", "SELECT 1;", "a'; b", "'x", "SET x=1", " set x=1"])
    func refused(statement: String) {
        #expect(throws: AdminError.self) { try SQLText.check(statement) }
        #expect(throws: AdminError.self) { try SQLText.quote("a\u{0}b") }
    }

    @Test(
        "every quote is doubled, whatever character it is a part of, and nothing else is changed",
        arguments: ["'", "''", "a'b", "\\'", "'\u{301}", "'\u{200D}'", "\r\n'\u{FE0F}", "\"`;--", "日本😀"])
    func quoting(text: String) throws {
        let literal = Array(try SQLText.quote(text).utf8)
        let mark = UInt8(ascii: "'")
        #expect(literal.first == mark)
        #expect(literal.last == mark)
        var decoded: [UInt8] = []
        var rest = literal.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            if byte == mark { try #require(rest.popFirst() == mark) }
            decoded.append(byte)
        }
        #expect(decoded == Array(text.utf8))
    }

    @Test(
        "quoted values are left out of errors and logs",
        arguments: ["se''cret", "\u{301}secret", "\u{200D}'secret'", "secret"])
    func redaction(value: String) throws {
        let statement = "UPDATE t SET p=\(try SQLText.quote(value)) WHERE u='x'"
        #expect(!SQLText.redact(statement).contains("cret"))
        #expect(SQLText.redact(statement).contains("WHERE u="))
    }

    @Test("a mark is found at the end of a comment only")
    func marks() {
        #expect(RowMark(comment: "x [drover shop]")?.group == "shop")
        #expect(RowMark(comment: "x [drover shop draining]")?.isDraining == true)
        #expect(RowMark(comment: "x [drover other] [drover shop]")?.group == "shop")
        #expect(RowMark(comment: "[drover shop] x") == nil)
        #expect(RowMark(comment: "Read Replica Added By Chester") == nil)
    }

    @Test("only a refusal by every address says that nothing listens")
    func refusals() {
        let refused = "SingleConnectionFailure(target: a, error: connection reset: Connection refused (errno: 111))"
        let timedOut = "SingleConnectionFailure(target: b, error: connectTimeout(1))"
        let noRoute = "SingleConnectionFailure(target: b, error: connect: No route to host (errno: 113))"
        #expect(AdminClient.isRefusal(refused))
        #expect(AdminClient.isRefusal("\(refused), \(refused)"))
        #expect(AdminClient.isRefusal("connect: Connection refused (errno: 111)"))
        for other in [timedOut, noRoute, "\(refused), \(timedOut)", "\(noRoute), \(refused)", "DNS error: unknown"] {
            #expect(!AdminClient.isRefusal(other))
        }
    }
}
