import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import ProxySQLAdmin
import Testing

@Suite("The status page")
struct StatusPageTests {
    @Test("of very many incidents the page shows the newest, and says how many are open")
    func flood() async throws {
        try await withAPI { client, store in
            let shop = try InstanceName("shop")
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<230 {
                    tasks.addTask {
                        let alert = Alert(
                            incidentID: "i-\(number)", policyName: "p", state: .open, startedAt: now, closedAt: nil,
                            primaryInstance: shop, group: shop, replicaBaseName: "shop-", action: .add,
                            documentation: "{}")
                        _ = try await store.record(alert, at: now)
                    }
                }
                try await tasks.waitForAll()
            }
            let page = try await client.call(.get, "/ui").text
            #expect(page.contains("<b>230</b> open incidents<"))
            #expect(page.contains("<p>30 more open incidents are not shown.</p>"))
        }
    }

    @Test("it shows groups, nodes, incidents, decisions and events, and whatever they are called stays text")
    func content() async throws {
        let board = PublicationBoard()
        board.note(
            LagReading(seconds: 0.25, measuredAt: Timestamp(secondsSinceEpoch: 1_799_999_940)), at: "127.0.9.2",
            port: 3306)
        try await withAPI(publications: board) { client, store in
            let empty = try await client.call(.get, "/ui")
            #expect(empty.status == 200 && empty.text.contains("No database is registered."))
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let hostile = #"{"reason":"<script>alert(1)</script> & \"x\"","direction":"in"}"#
            #expect(try await client.call(.post, "/v1/groups/shop/pause", hostile).status == 200)
            let group = try InstanceName("shop")
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            board.note(
                Publication(
                    generation: 1,
                    nodes: [
                        NodePublication(node: "core-0", condition: .current),
                        NodePublication(node: "core-1", condition: .unknown, detail: "<b>silent</b>"),
                    ]), of: group, at: now)
            let alert = Alert(
                incidentID: "0-a", policyName: "<i>cpu</i>", state: .open, startedAt: now, closedAt: nil,
                primaryInstance: group, group: group, replicaBaseName: "shop-", action: .add, documentation: "{}")
            _ = try await store.record(alert, at: now)
            #expect(!(try await client.call(.get, "/ui").text.contains("class=\"alarm\"")))
            let stray = Alert(
                incidentID: "0-b", policyName: "stray", state: .open, startedAt: now, closedAt: nil,
                primaryInstance: group, group: try InstanceName("shpo"), replicaBaseName: "shop-", action: .add,
                documentation: "{}")
            _ = try await store.record(stray, at: now)
            let page = try await client.call(.get, "/ui")
            for expected in [
                "<h3 id=\"group-shop\">shop</h3>", "shop-r", "core-1", "&lt;b&gt;silent", "&lt;script&gt;alert(1)",
                "&lt;i&gt;cpu&lt;/i&gt;", "Group shop was registered", "removing is paused until", "1 of 2",
                "0.3 s <span", ">60 s ago<", "<b>1</b> database<", "<b>2</b> open incidents<",
                "class=\"alarm\" role=\"alert\"", "fires for group <b>shpo</b>, which is not registered",
                "Registered: shop.",
            ] {
                #expect(page.text.contains(expected), "\(expected) in \(page.text)")
            }
            #expect(!page.text.contains("<script>alert") && !page.text.contains("hunter2"))
            #expect(page.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
            let content = try await client.call(.get, "/ui/content")
            #expect(content.text.contains("core-1") && !content.text.contains("<html"))
            for asset in ["/ui/style.css", "/ui/page.js"] {
                let text = try await client.call(.get, asset).text
                #expect(!text.contains("http://") && !text.contains("https://"), "nothing from outside")
            }
        }
    }
}
