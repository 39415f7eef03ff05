import Testing

@testable import Foundations

@Suite("What is shown of text from outside")
struct ShownTextTests {
    @Test(
        "an address is shown without its user and query, and names with an at sign as they are",
        arguments: [
            ("https://u:pw@host:1/x", "https://[redacted]@host:1/x"), ("https://token@host", "https://[redacted]@host"),
            ("https://host/?token=pw", "https://host/?[redacted]"), ("https://host/#pw", "https://host/#[redacted]"),
            ("https://u:p@w@host", "https://[redacted]@host"), ("u:pw@host:6032", "[redacted]@host:6032"),
            ("a=core@10.0.0.1:6032,b=core@u:pw@h:1", "a=core@10.0.0.1:6032,[redacted]@h:1"),
            ("me@example.org", "me@example.org"), ("127.0.0.1:8082", "127.0.0.1:8082"), ("", ""),
            ("https://host", "https://host"), ("://", "://"),
        ])
    func addresses(text: String, shown: String) {
        #expect(ShownText.address(text) == shown)
    }

    @Test("a key is shown when it is one, and what stands below a known one is not")
    func keys() {
        #expect(ShownText.key("proxysql.pasword", among: ["proxysql.password"]) == "proxysql.pasword")
        #expect(
            ShownText.key("proxysql.password.hunter2", among: ["proxysql.password"]) == "proxysql.password.[redacted]")
        for text in ["password hunter2", "password=hunter2", "password: hunter2", String(repeating: "a", count: 101)] {
            #expect(ShownText.key(text, among: []) == "[redacted]")
        }
        #expect(ShownText.flag("--run_mode") == "--run_mode")
        #expect(ShownText.flag("-phunter2") == "[redacted]")
        #expect(ShownText.variable("SHOP_PASSWORD_2") == "SHOP_PASSWORD_2")
        #expect(ShownText.variable("hunter2") == "[redacted]")
    }

    @Test(
        "a complaint about a command line has no word that may be a secret",
        arguments: [
            (
                "Error: Unexpected argument 'hunter'\nUsage: x", ["--set", "a", "hunter"],
                "Error: Unexpected argument [redacted]\nUsage: x"
            ),
            (
                "Error: 2 unexpected arguments: 'a', 'b'\nUsage: x", ["a", "b"],
                "Error: 2 unexpected arguments: [redacted]\nUsage: x"
            ),
            ("Error: Unknown option '-phunter2'", ["-phunter2"], "Error: Unknown option '[redacted]'"),
            ("Error: Unknown option '--pasword'", ["--pasword=hunter2"], "Error: Unknown option '--pasword'"),
            (
                "Error: The option '--yes' does not take any value, but 'hunter2' was specified.", ["--yes=hunter2"],
                "Error: The option '--yes' does not take any value, but '[redacted]' was specified."
            ),
            (
                "Error: The value 'soon' is invalid for '--timeout <timeout>'", ["--timeout", "soon"],
                "Error: The value 'soon' is invalid for '--timeout <timeout>'"
            ),
            ("Error: The value '0' is invalid", ["0"], "Error: The value '0' is invalid"),
            ("Error: not 9y", ["--for", "9y"], "Error: not 9y"),
            ("Error: not 123456y", ["--for", "123456y"], "Error: not [redacted]"),
        ])
    func usage(message: String, words: [String], shown: String) {
        #expect(ShownText.usage(message, words: words) == shown)
    }
}

@Suite("YAML as dotted keys")
struct YAMLKeysTests {
    @Test("keys are dotted, have their lines, and what is merged in gives way")
    func leaves() throws {
        let text = """
            base: &base {user: a, port: 1}
            other: &other {user: b, tls: on}
            node:
              <<: [*base, *other]
              port: 2
            list: [x, y]
            nothing:
            """
        let leaves = try #require(try YAMLKeys.leaves(text))
        let values = Dictionary(uniqueKeysWithValues: leaves.map { ($0.key, $0.value) })
        #expect(values["node.user"] == "a")
        #expect(values["node.port"] == "2")
        #expect(values["node.tls"] == "on")
        #expect(values["list"] == "x,y")
        #expect(values["nothing"] == .some(nil))
        #expect(leaves.first { $0.key == "node.port" }?.line == 5)
    }

    @Test("an empty text has no keys, a line alone is none, and aliases that mean millions of values are refused")
    func strange() throws {
        #expect(try YAMLKeys.leaves("# nothing\n")?.isEmpty == true)
        #expect(try YAMLKeys.leaves("password hunter2") == nil)
        #expect(try YAMLKeys.leaves("- a\n") == nil)
        let bomb = (1...9).reduce("a0: &a0 {x: 1}\n") { text, level in
            let below = (0..<9).map { "k\($0): *a\(level - 1)" }.joined(separator: ", ")
            return text + "a\(level): &a\(level) {\(below)}\n"
        }
        #expect(throws: UnusableFile.self) { try YAMLKeys.leaves(bomb) }
    }
}
