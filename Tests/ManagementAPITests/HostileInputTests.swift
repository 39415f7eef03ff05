import FakeProxySQL
import FleetModel
import Foundation
import HTTPTypes
import HummingbirdTesting
import JSONValues
import ManagementAPI
import MySQLWire
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

/// Texts that mean something to SQL, libconfig, JSON, regular expressions, terminals or Unicode.
let hostileTexts = [
    "'", "''", "\"", "\\", "\\'", "';--", "'; DROP TABLE mysql_users; --", "a;b", "--", "/*", "*/", "#", "`", "$(id)",
    "%s%n", "%00", "\\0", "\\x41", "{", "}", "(", ")", "=", "//", "@include \"x\"", "\t", "\n", "\r\n", "\u{1b}[2J",
    "\u{7f}", "\u{80}", "\u{301}'\u{301}", "'\u{301}", "☃", "𝄞", "\u{202e}x", "\u{feff}x", "null", "NULL", "true", "0",
    " lead", "trail ", "[drover other]", "x [drover shop]", "[drover", "^(a+)+$", "(?i)x", "[[:alpha:]]", "\\d{2,}",
    String(repeating: "x", count: 60), String(repeating: "'", count: 30), "👩‍👩‍👧‍👦", "\u{10ffff}", "'\"\\\n;#{}", "\\\"",
    "\\n", "$1", "&quot;<script>", "\u{85}\u{2028}", "\u{1}\u{1f}",
]

@Suite("Hostile texts", .timeLimit(.minutes(2)))
struct HostileInputTests {
    @Test("each is refused by a 4xx or arrives at ProxySQL byte for byte, by either surface")
    func arrive() async throws {
        try await withAPI { client, store in
            let wanted = try await hostileConfiguration(client, store)
            try await ProxyNode.withSimulated { try await $0.expectArrival(of: wanted) }
        }
    }

    @Test("documents that are huge or deep end as a 4xx")
    func huge() async throws {
        try await withAPI { client, store in
            let many = JSONValue.array((0..<2_000).map { ["username": .string("u\($0)"), "password": "p"] })
            let bodies = [
                json(["servers": [["name": "shop", "address": "127.0.0.9", "origin": "primary"]], "users": many]),
                "[" + Array(repeating: "1", count: 100_000).joined(separator: ",") + "]",
                #"{"servers":["# + Array(repeating: "1", count: 100_000).joined(separator: ",") + #"],"users":[]}"#,
                "{" + (0..<20_000).map { "\"m\($0)\":0" }.joined(separator: ",") + "}",
                String(repeating: "[", count: 500) + String(repeating: "]", count: 500),
                String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 50_000),
                #"{"servers":["# + Array(repeating: "{}", count: 5_000).joined(separator: ",") + #"],"users":[]}"#,
                #"{"servers":[],"users":[],"writerHostgroup":1e400}"#,
                #"{"servers":[],"users":[],"writerHostgroup":99999999999999999999}"#,
                #"{"servers":[],"users":[],"policy":{"maximumReplicas":1e300}}"#,
                #"{"primaryInstance":"\#(String(repeating: "a", count: 500_000))","servers":[],"users":[]}"#,
                "\u{0}", "{\"a\":\"\\ud800\"}",
            ]
            for body in bodies {
                for (method, path) in [(HTTPRequest.Method.put, "/v1/groups/shop"), (.post, "/"), (.patch, "/")] {
                    let answer = try await client.call(method, path, body)
                    #expect((400..<500).contains(answer.status), "\(body.prefix(60)): \(answer.status)")
                }
            }
            #expect(try await store.groups().isEmpty)
        }
    }
}

/// `value` as a body.
func json(_ value: JSONValue) -> String { String(decoding: value.bytes(), as: UTF8.self) }

/// Puts every hostile text into every place of the group `shop` that has texts, by both surfaces; each is refused by a
/// 4xx or stored.
func hostileConfiguration(
    _ client: any TestClientProtocol, _ store: SQLiteStore
) async throws -> FleetConfiguration {
    #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
    var taken = 0
    func expectAnswer(_ answer: Reply, _ text: String) {
        #expect(answer.status == 200 || (400..<500).contains(answer.status), "\(text): \(answer.text)")
        if answer.status == 200 { taken += 1 }
    }
    for (index, text) in (hostileTexts + longTexts).enumerated() {
        let password = json(["password": .string(text)])
        expectAnswer(try await client.call(.put, "/v1/groups/shop/users/u\(index)", password), text)
        let user: JSONValue = ["username": .string(text), "password": "p", "default_hostgroup": 5, "active": 1]
        expectAnswer(try await client.call(.post, "/users?instance_group=shop", json(user)), text)
        let rule = json(["matchDigest": .string(text), "comment": .string(text), "username": .string(text)])
        expectAnswer(try await client.call(.put, "/v1/groups/shop/query-rules/\(100 + index)", rule), text)
    }
    let isName = { (text: String) in text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") } }
    for text in hostileTexts where !isName(text) {
        let address = try await client.call(.put, "/v1/groups/shop/servers/x", json(["address": .string(text)]))
        #expect(address.status == 422, "\(text): \(address.text)")
        let server: JSONValue = ["name": .string(text), "address": "127.0.9.9"]
        let servers = try await client.call(.put, "/v1/groups/shop/servers", json([server]))
        #expect(servers.status == 422, "\(text): \(servers.text)")
        let escaped = String(json(.string(text)).dropFirst().dropLast())
        let name = try await client.call(.post, "/", goAdd("other").replacing("other\"", with: "\(escaped)\""))
        #expect((400..<500).contains(name.status), "\(text): \(name.text)")
    }
    #expect(taken > 130, "\(taken) were taken")
    return try #require(try await store.groups().first?.document.configuration)
}

/// As long as the API takes them, in characters of one to four bytes; and one byte longer.
private let longTexts = [
    String(repeating: "a'", count: 512), String(repeating: "\u{1d11e}", count: 256),
    String(repeating: "\\", count: 1_023) + "\"", String(repeating: "x", count: 1_025),
]
