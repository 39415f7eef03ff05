import FleetModel
import Testing

@testable import Ingest

private func body(
    state: String = "\"open\"", documentation: String? = nil, extra: String = "", version: String = "1.2"
) -> [UInt8] {
    let content =
        documentation
        ?? #"{"content":"{\"sql_master_instance\":\"shop\",\"action\":\"add\"}","mime_type":"text/markdown"}"#
    return Array(
        """
        {"version":"\(version)","incident":{"incident_id":"0.a.b","state":\(state),"started_at":1700000000,
        "policy_name":"p"\(extra),"documentation":\(content)}}
        """.utf8)
}

@Suite("Reading Cloud Monitoring's notifications")
struct AlertParserTests {
    @Test("an alert is read, dots in its id become hyphens, and what it leaves out is filled in")
    func alert() throws {
        guard case .alert(let alert) = try AlertParser.parse(body()) else { throw AlertError("no alert") }
        #expect(alert.incidentID == "0-a-b")
        #expect(alert.group.text == "shop")
        #expect(alert.replicaBaseName == "shop-")
        #expect(alert.action == .add)
        #expect(alert.startedAt == Timestamp(secondsSinceEpoch: 1_700_000_000))
    }

    @Test(
        "the state is read whatever its case, and either field for the end",
        arguments: ["ended_at", "closed_timestamp"])
    func closing(field: String) throws {
        let parsed = try AlertParser.parse(body(state: "\"CLOSED\"", extra: ",\"\(field)\":1700000060"))
        guard case .alert(let alert) = parsed else { throw AlertError("no alert") }
        #expect(alert.state == .closed)
        #expect(alert.closedAt == Timestamp(secondsSinceEpoch: 1_700_000_060))
    }

    @Test("a documentation without its content is named as such")
    func noContent() {
        let text = #"{"incident":{"incident_id":"x","state":"open","documentation":{}}}"#
        let error = #expect(throws: AlertError.self) { try AlertParser.parse(Array(text.utf8)) }
        #expect(error?.description == #"the body has no "incident.documentation.content""#)
    }

    @Test(
        "an instance is named by itself, with its project, or as a connection",
        arguments: ["shop", "my-project:shop", "example.com:my-project:shop", "my-project:europe-west1:shop"])
    func instanceNames(name: String) throws {
        let text = #"{"content":"{\"sql_master_instance\":\"NAME\",\"action\":\"Add\"}"}"#.replacing("NAME", with: name)
        guard case .alert(let alert) = try AlertParser.parse(body(documentation: text)) else {
            throw AlertError("no alert")
        }
        #expect(alert.primaryInstance.text == "shop" && alert.group.text == "shop")
    }

    @Test("numbers may come as texts, and texts as numbers")
    func looseTypes() throws {
        let text = #"""
            {"version":1.2,"incident":{"incident_id":12345,"state":"open","started_at":"1700000000",
            "ended_at":1700000060.5,"policy_name":7,
            "documentation":{"content":"{\"sql_master_instance\":\"shop\",\"action\":\"add\"}"}}}
            """#
        guard case .alert(let alert) = try AlertParser.parse(Array(text.utf8)) else { throw AlertError("no alert") }
        #expect(alert.incidentID == "12345" && alert.policyName == "7")
        #expect(alert.startedAt == Timestamp(secondsSinceEpoch: 1_700_000_000))
        #expect(alert.closedAt == Timestamp(secondsSinceEpoch: 1_700_000_060))
    }

    @Test("the test button is recognised")
    func testButton() throws {
        let text = #"{"version":"test","incident":{"incident_id":"12345","state":"OPEN","documentation":"x"}}"#
        #expect(try AlertParser.parse(Array(text.utf8)) == .test)
    }

    @Test(
        "what cannot be acted on is refused with a reason",
        arguments: [
            "", "[]", "null", "{}", "{\"incident\":3}", "{\"incident\":{}}", String(repeating: "[", count: 100_000),
            #"{"incident":{"incident_id":"x","state":"open"}}"#,
            #"{"incident":{"incident_id":"x","state":"ajar","documentation":{"content":"{}"}}}"#,
            #"{"incident":{"incident_id":"x","state":"open","documentation":{"content":"not json"}}}"#,
            #"{"incident":{"incident_id":"x","state":"open","documentation":{"content":"{\"action\":\"add\"}"}}}"#,
            #"{"incident":{"incident_id":"x","state":"open","documentation":{"content":"{\"sql_master_instance\":\"a'b\",\"action\":\"add\"}"}}}"#,
            #"{"incident":{"incident_id":"x","state":"open","documentation":{"content":"{\"sql_master_instance\":\"a\",\"action\":\"drop\"}"}}}"#,
            #"{"incident":{"incident_id":"a b","state":"open","documentation":{"content":"{\"sql_master_instance\":\"a\",\"action\":\"add\"}"}}}"#,
        ])
    func refused(text: String) {
        let error = #expect(throws: AlertError.self) { try AlertParser.parse(Array(text.utf8)) }
        #expect(error?.description.isEmpty == false)
    }

    @Test("mutated bodies never crash the parser", arguments: 0..<20)
    func fuzz(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<200 {
            var bytes = body()
            for _ in 0...next(4) { bytes[next(bytes.count)] = UInt8(next(256)) }
            if next(3) == 0 { bytes.removeLast(next(bytes.count)) }
            _ = try? AlertParser.parse(bytes)
        }
    }
}
