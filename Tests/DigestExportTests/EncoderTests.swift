import Foundation
import NIOCore
import Testing

@testable import DigestExport
@testable import MySQLWire

/// A row as it comes over the wire.
private func row(_ columns: MySQLColumns, _ values: [String?]) throws -> MySQLRow {
    try MySQLRow(columns: columns, payload: MySQLRow.payload(values))
}

private func columns(_ names: String...) -> MySQLColumns {
    MySQLColumns(names.map { MySQLColumn(name: $0) })
}

private func encoded(
    _ format: DigestFormat, _ wanted: [DigestColumn], _ columns: MySQLColumns, _ rows: [[String?]]
) throws -> String {
    let encoder = DigestEncoder(format, wanted, of: columns, host: "pod-1")
    var output: [UInt8] = []
    encoder.appendHeader(to: &output)
    for values in rows { encoder.append(try row(columns, values), to: &output) }
    return String(decoding: output, as: UTF8.self)
}

@Suite("Rows become CSV or NDJSON")
struct EncoderTests {
    @Test("the Go agent's header is the default, and every column has its value")
    func compatibleHeader() throws {
        let text = try encoded(
            .csv, DigestColumn.compatible,
            columns(
                "hostgroup", "schemaname", "username", "client_address", "digest", "digest_text", "count_star",
                "first_seen", "last_seen", "sum_time", "min_time", "max_time", "sum_rows_affected", "sum_rows_sent"),
            [["10", "app", "u", "10.0.0.9", "0xA", "SELECT ?", "3", "1795247787", "0", "30", "5", "15", "0", "9"]])
        #expect(
            text == """
                pod_name,hostgroup,schemaname,username,digest,digest_text,count_star,first_seen,last_seen,sum_time_us,\
                min_time_us,max_time,sum_rows_affected,sum_rows_sent\r
                pod-1,10,app,u,0xA,SELECT ?,3,2026-11-21T07:56:27Z,1970-01-01T00:00:00Z,30,5,15,0,9\r

                """)
    }

    @Test(
        "a field is quoted where RFC 4180 wants it",
        arguments: [
            ("plain text", "plain text"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""), ("carriage\rreturn", "\"carriage\rreturn\""), ("", ""),
            ("é\u{301}", "é\u{301}"),
        ])
    func quoting(value: String, expected: String) throws {
        let wanted = [DigestColumn("t", .text("t"))]
        #expect(try encoded(.csv, wanted, columns("t"), [[value]]) == "t\r\n\(expected)\r\n")
    }

    @Test(
        "NDJSON reads back as what it was",
        arguments: ["plain", "\"quoted\\", "tab\tline\nreturn\r", "nul\u{0}bell\u{7}unit\u{1F}", "π \u{1F980}", ""])
    func json(value: String) throws {
        let text = try encoded(.ndjson, [DigestColumn("t", .text("t"))], columns("t"), [[value]])
        #expect(text.filter { $0 == "\n" }.count == 1)
        let object = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        #expect(object == ["t": value])
    }

    @Test("numbers are numbers in NDJSON up to ProxySQL's largest hostgroup, and what is none stays a text")
    func numbers() throws {
        let wanted = [DigestColumn("n", .number("n"))]
        let rows: [[String?]] = [
            ["9223372036854775807"], ["-9223372036854775808"], ["9223372036854775808"], ["007"], ["-"], [nil], ["0"],
        ]
        #expect(
            try encoded(.ndjson, wanted, columns("n"), rows) == """
                {"n":9223372036854775807}
                {"n":-9223372036854775808}
                {"n":"9223372036854775808"}
                {"n":"007"}
                {"n":"-"}
                {"n":null}
                {"n":0}

                """)
    }

    @Test("columns are found by name whatever their order, and one that is not there stays empty and is named")
    func byName() throws {
        let wanted = try DigestColumn.list("digest,sum_rows_sent,username")
        let old = columns("username", "digest")
        #expect(DigestEncoder(.csv, wanted, of: old, host: "h").missing == ["sum_rows_sent"])
        #expect(
            try encoded(.csv, wanted, old, [["u", "0xA"]]) == "digest,sum_rows_sent,username\r\n0xA,,u\r\n")
        #expect(
            try encoded(.ndjson, wanted, old, [["u", "0xA"]])
                == "{\"digest\":\"0xA\",\"sum_rows_sent\":null,\"username\":\"u\"}\n")
    }

    @Test("an unknown column is refused with the names of those that there are")
    func unknownColumn() {
        #expect { try DigestColumn.list("digest,cost") } throws: { "\($0)".contains("\"cost\"") }
        #expect { try DigestColumn.list("") } throws: { "\($0)".contains("at least one column") }
        #expect { try DigestColumn.list("digest, digest") } throws: { "\($0)".contains("twice") }
    }

    @Test("bytes that are no UTF-8 are replaced, so that every reader can read the file")
    func brokenText() throws {
        let columns = columns("t")
        var bytes = MySQLRow.payload([nil])
        bytes.clear()
        bytes.writeBytes([3, 0x61, 0xFF, 0x62])
        let encoder = DigestEncoder(.csv, [DigestColumn("t", .text("t"))], of: columns, host: "h")
        var output: [UInt8] = []
        encoder.append(try MySQLRow(columns: columns, payload: bytes), to: &output)
        #expect(output == Array("a\u{FFFD}b\r\n".utf8))
    }

    @Test("times are those of the calendar, before and after 1970 and on leap days")
    func times() {
        let formatter = ISO8601DateFormatter()
        let seconds: [Int64] = [
            0, -1, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800, 1_795_247_787, 4_102_444_799, -2_208_988_800,
        ]
        for second in seconds {
            var output: [UInt8] = []
            DigestText.appendTime(second, to: &output)
            #expect(
                String(decoding: output, as: UTF8.self)
                    == formatter.string(from: Date(timeIntervalSince1970: Double(second))))
        }
    }
}
