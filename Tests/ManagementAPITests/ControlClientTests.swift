import AsyncHTTPClient
import ControlClient
import FleetModel
import HTTPTypes
import HummingbirdTesting
import JSONValues
import ManagementAPI
import NIOHTTP1
import Persistence
import Synchronization
import Testing

/// What commands say.
final class Screen: Sendable {
    let text = Mutex("")
    let asked = Mutex("")
    let answers: Bool
    let typed: String?

    init(answers: Bool = false, typed: String? = nil) {
        self.answers = answers
        self.typed = typed
    }

    var shown: String { text.withLock { $0 } }

    func work(_ client: any TestClientProtocol, _ presentation: Presentation = .table) -> Operator {
        Operator(
            client: APIClient(
                "http://127.0.0.1:\(client.port ?? 0)/", token: nil, http: .shared, timeout: .seconds(10),
                clock: ContinuousClock()),
            presentation: presentation,
            terminal: .init(
                say: { text in self.text.withLock { $0 += text } }, ask: { _ in self.answers },
                read: { question in
                    self.asked.withLock { $0 += question }
                    return self.typed
                }))
    }
}

@Suite("Operating by drover ctl", .timeLimit(.minutes(2)))
struct ControlClientTests {
    @Test("resume means a database when one is named, else a node, and nothing that is neither")
    func resumeTarget() throws {
        let database = try ResumeTarget.read(database: "shop", agent: nil, onlyForDatabases: ["--direction"])
        #expect(database == .database("shop"))
        let node = try ResumeTarget.read(database: nil, agent: nil, onlyForDatabases: [])
        #expect(node == .node(agent: nil))
        let other = try ResumeTarget.read(database: nil, agent: "10.0.0.1:8080", onlyForDatabases: [])
        #expect(other == .node(agent: "10.0.0.1:8080"))
        #expect(throws: ControlError.self) {
            try ResumeTarget.read(database: "shop", agent: "10.0.0.1:8080", onlyForDatabases: [])
        }
        #expect(throws: ControlError.self) {
            try ResumeTarget.read(database: nil, agent: nil, onlyForDatabases: ["--direction"])
        }
    }

    private let file = """
        databases:
          - name: shop
            servers:
              - {name: shop, address: 127.0.9.1, origin: primary}
              - {name: shop-r, address: 127.0.9.2}
            users:
              - username: app
                passwordEnv: SHOP_PASSWORD
            policy: {maximumReplicas: 3}
        """

    private func read(_ text: String) throws(ControlError) -> DatabaseFile {
        try DatabaseFile(text, environment: ["SHOP_PASSWORD": "hunter2"])
    }

    @Test("a file is applied once it was looked at and agreed to; the second time there is nothing to do")
    func apply() async throws {
        try await withAPI(isLive: true) { client, store in
            let no = Screen()
            await #expect(throws: ControlError.self) { try await no.work(client).apply(read(file), consent: .asked) }
            #expect(try await store.groups().isEmpty)
            #expect(no.shown.contains("shop: new\n") && no.shown.contains("+ mysql_servers 10 127.0.9.2 3306: "))
            #expect(!no.shown.contains("hunter2"))
            try await Screen(answers: true).work(client).apply(read(file), consent: .asked)
            #expect(try await store.groups().first?.document.configuration.users.first?.password.reveal() == "hunter2")
            let again = Screen()
            try await again.work(client).apply(read(file), consent: .withheld)
            #expect(again.shown == "shop: nothing to do\n")
            let held = try await client.call(.post, "/v1/groups/shop/pause", #"{"reason":"sale"}"#)
            #expect(held.status == 200)
            let changed = file.replacing("maximumReplicas: 3", with: "maximumReplicas: 4").replacing(
                "127.0.9.2", with: "127.0.9.3")
            let dry = Screen()
            do throws(ControlError) {
                try await dry.work(client).apply(read(changed), consent: .withheld)
                Issue.record("differences were not told")
            } catch {
                #expect(error.kind == .differs)
            }
            #expect(dry.shown.contains("~ policy.maximumReplicas: 3 -> 4") && dry.shown.contains("- mysql_servers 10"))
            try await dry.work(client).apply(read(changed), consent: .given)
            let policy = try await store.groups().first?.document.policy
            #expect(policy?.maximumReplicas == 4 && policy?.scaleInPause?.reason == "sale", "the pause outlives it")
        }
    }

    @Test("as JSON, several databases are one document: what changed and what did not")
    func severalForPrograms() async throws {
        try await withAPI(isLive: true) { client, _ in
            let two =
                file + """

                      - name: cart
                        servers: [{name: cart, address: 127.0.9.7, origin: primary}]
                        users: [{username: cart, passwordEnv: SHOP_PASSWORD}]
                        policy: {maximumReplicas: 1}
                    """
            func said(_ text: String) async throws -> [JSONValue] {
                let screen = Screen()
                try await screen.work(client, .json).apply(read(text), consent: .given)
                return try #require(try YAMLText.read(screen.shown)["items"]?.elements, "\(screen.shown)")
            }
            #expect(try await said(two).compactMap { $0["generation"]?.integer } == [1, 1])
            let again = try await said(two.replacing("maximumReplicas: 1", with: "maximumReplicas: 2"))
            #expect(again.count == 2 && again[0]["changed"] == false && again[1]["name"] == "cart")
        }
    }

    @Test("as JSON, one document is said for a database: the group afterwards, or the preview")
    func applyForPrograms() async throws {
        try await withAPI(isLive: true) { client, _ in
            func said(_ consent: Operator.Consent) async throws(ControlError) -> JSONValue {
                let screen = Screen()
                do throws(ControlError) {
                    try await screen.work(client, .json).apply(read(file), consent: consent)
                } catch {
                    #expect(error.kind == .differs)
                }
                return try YAMLText.read(screen.shown)
            }
            let (preview, declined) = (try await said(.withheld), try await said(.asked))
            let (made, again) = (try await said(.given), try await said(.given))
            #expect(preview["changed"] == true)
            #expect(declined == .null, "nobody agreed, and programs are shown nothing")
            #expect(made["generation"] == 1)
            #expect(again["changed"] == false)
        }
    }

    @Test("what the API refuses is told with every wrong field, and what is not there with how to go on")
    func refused() async throws {
        try await withAPI(isLive: true) { client, _ in
            do throws(ControlError) {
                try await Screen().work(client).apply(
                    read(file.replacing("127.0.9.1", with: "x y").replacing("origin", with: "orgin")), consent: .given)
                Issue.record("it was taken")
            } catch {
                #expect(error.kind == .failed && error.description.contains("/servers/0/address"))
                #expect(error.description.contains("/servers/0/orgin"))
            }
        }
        try await withAPI(isLive: true) { client, _ in
            let following = APIClient(
                "http://127.0.0.1:\(client.port ?? 0)", token: nil, http: .shared, timeout: .seconds(10),
                clock: ContinuousClock())
            do throws(ControlError) {
                _ = try await following.stream(query: [("kind", "nonsense")])
                Issue.record("it was taken")
            } catch {
                #expect(error.description.contains("no events are of the kind nonsense"))
            }
        }
        let nobody = APIClient(
            "http://127.0.0.1:1", token: nil, http: .shared, timeout: .seconds(2), clock: ContinuousClock())
        do throws(ControlError) {
            _ = try await nobody.call(.GET, "/v1/groups")
            Issue.record("something answered")
        } catch {
            #expect(error.kind == .unreachable)
        }
    }

    @Test("an export applied again changes nothing")
    func roundTrip() async throws {
        try await withAPI(isLive: true) { client, _ in
            let hostile = #"{"matchDigest":"^SELECT '\\d\"\\\\ # : {x} ☃","comment":"- yes: 'no'\n\tnull"}"#
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            #expect(try await client.call(.put, "/v1/groups/shop/query-rules/7", hostile).status == 200)
            let screen = Screen()
            let files = try await screen.work(client).exported([.yaml, .cnf])
            let again = Screen()
            try await again.work(client).apply(read(files[0].text), consent: .given)
            #expect(again.shown == "shop: nothing to do\n", "\(files[0].text)")
            let configuration = files[1].text
            // Double quotes are doubled for SQLite, and then escaped for libconfig.
            #expect(
                configuration.contains(#"match_digest="^SELECT '\\d\"\"\\\\ # : {x} ☃""#),
                "\(configuration)")
            #expect(configuration.contains(#"password="REDACTED""#))
        }
    }

    @Test("answers are tables, JSON or YAML")
    func presentations() async throws {
        try await withAPI(isLive: true) { client, _ in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            for (presentation, expected) in [
                (Presentation.table, "NAME  SERVERS\nshop  2\n"), (.json, "\"name\" : \"shop\""),
                (.yaml, "- name: shop\n"),
            ] {
                let screen = Screen()
                try await screen.work(client, presentation).showAll(
                    "/v1/groups", cursor: "after", limit: 10,
                    columns: [.init("NAME", "name"), .init("SERVERS", "servers.#")])
                #expect(screen.shown.contains(expected), "\(screen.shown)")
            }
        }
    }

    @Test(
        "YAML is read by its core schema and written so that it reads the same",
        arguments: [
            "", "a", "yes", "no", "null", "~", "1", "1.5", "-", "- a", "a: b", "#", "'", "\"", "\\", "\n", "\t x ",
            "0x1f",
            "1e3", "&a", "*a", "!x", "{", "[", "true", "True", "2026-01-01", "☃", "a b", "%", "@", "`", "\u{7f}", "=",
            "<<", "\u{feff}x", "x\u{feff}",
        ])
    func yaml(text: String) throws {
        let value: JSONValue = [
            "k": .string(text), "list": [.string(text), ["name": .string(text), "n": 1, "e": []]], "o": [:],
        ]
        let written = YAMLText.write(value)
        #expect(try YAMLText.read(written) == value, "\(written)")
    }

    @Test(
        "a file that cannot be used is refused with its place",
        arguments: ["a: [", "x: 1", "- {}", "- {name: a}\n- {name: a}"])
    func unusable(text: String) {
        #expect(throws: ControlError.self) { _ = try read(text) }
    }

    @Test("a token is read without the line's end, and one that no header can have is refused without being shown")
    func token() throws {
        let token = try APIClient.token(" 0123456789abcdef\r\n", from: "x")
        #expect(token.reveal() == "0123456789abcdef")
        for text in ["", "\n", "secret-one\nsecret-two", "secret\u{0}", "secret\u{1}x", "sécret"] {
            do throws(ControlError) {
                _ = try APIClient.token(text, from: "the file")
                Issue.record("it was taken")
            } catch {
                #expect(error.kind == .unusableInput && !error.description.contains("cret"))
            }
        }
    }

    @Test("a few lines of aliases that mean millions of values, or endless depth, are refused at once")
    func aliases() throws {
        let few = try YAMLText.read("a: &a {x: 1}\nb: [*a, *a]")
        #expect(few["b"]?.elements == [["x": 1], ["x": 1]])
        let wide = (1...9).reduce("k0: &k0 [x]\n") { text, level in
            let aliases = Array(repeating: "*k\(level - 1)", count: 10).joined(separator: ", ")
            return text + "k\(level): &k\(level) [\(aliases)]\n"
        }
        let deep = (1...5_000).reduce("k0: &k0 [x]\n") { $0 + "k\($1): &k\($1) [*k\($1 - 1)]\n" }
        for text in [wide, deep] { #expect(throws: ControlError.self) { _ = try YAMLText.read(text) } }
    }
}
