import ControlClient
import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import Synchronization
import Testing

/// Cloud SQL with one primary, or an answer that never comes.
private final class Primaries: PrimaryLookup {
    let obstacles: [String]
    let hangs: Bool
    let asked = Mutex(0)

    init(_ obstacles: [String] = [], hangs: Bool = false) {
        self.obstacles = obstacles
        self.hangs = hangs
    }

    func primary(named name: InstanceName) async throws(ProviderError) -> PrimaryInstance? {
        asked.withLock { $0 += 1 }
        if hangs {
            try? await Task.sleep(for: .seconds(3_600))
            throw ProviderError(.unavailable, "the call was cancelled")
        }
        guard name.text == "shop" else { return nil }
        return PrimaryInstance(
            name: name, addresses: [.init(kind: "PRIVATE", text: "127.0.9.1")], replicas: ["shop-r", "shop-x"],
            obstacles: obstacles, cautions: [])
    }
}

@Suite("The primary of a group that is registered", .timeLimit(.minutes(1)))
struct PrimaryTests {
    private static let obstacle = "shop has no private network (it has only a public address)"

    @Test("one that can never be copied is refused by either surface with the reason, unless nobody wants to know")
    func refused() async throws {
        let cloud = Primaries([Self.obstacle])
        try await withAPI(primaries: cloud) { client, store in
            let refused = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(refused.status == 422 && refused.at("code") == "primary-unusable", "\(refused.text)")
            #expect(refused.at("detail")?.contains(Self.obstacle) == true)
            #expect(refused.at("detail")?.contains("--no-verify") == true)
            #expect(try await client.call(.put, "/v1/groups/shop?dryRun=true", shop).status == 422)
            let chester = try await client.call(.post, "/", goAdd("shop"))
            #expect(chester.status == 400 && chester.at("error")?.contains(Self.obstacle) == true, "\(chester.text)")
            #expect(try await store.groups().isEmpty)
            let asked = cloud.asked.withLock { $0 }
            let made = try await client.call(.put, "/v1/groups/shop?verify=false", shop)
            #expect(made.status == 201 && made.at("warnings") == nil && cloud.asked.withLock { $0 } == asked)
            #expect(
                try await client.call(.patch, "/v1/groups/shop", #"{"policy":{"maximumReplicas":2}}"#).status == 200,
                "what is registered can be changed")
        }
    }

    @Test("what is odd about it is in the answers, and Chester's body keeps its shape")
    func warned() async throws {
        let cloud = Primaries()
        try await withAPI(primaries: cloud) { client, _ in
            let preview = try await client.call(.put, "/v1/groups/shop?dryRun=true", shop)
            #expect(preview.at("warnings", "0")?.contains("shop-x") == true, "\(preview.text)")
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.status == 201 && made.at("warnings", "0")?.contains("shop-x") == true, "\(made.text)")
            let shown = try await client.call(.get, "/v1/groups/shop")
            #expect(shown.at("warnings") == nil)
            #expect(
                try await client.call(.put, "/v1/groups/shop", made.text).status == 200, "it is taken back as it is")
            let other = try await client.call(.post, "/", goAdd("other", username: "other", address: "127.0.9.8"))
            #expect(other.status == 200 && other.at("warnings") == nil && other.at("instance_name") == "other")
            let header = try #require(HTTPField.Name("Warning"))
            #expect(other.headers[header]?.contains("Cloud SQL has no instance") == true, "\(other.headers)")
        }
    }

    @Test("a provider that does not answer keeps nobody from registering, and delays no other change meanwhile")
    func silent() async throws {
        try await withAPI(primaries: Primaries(hangs: true)) { client, _ in
            let clock = ContinuousClock()
            let began = clock.now
            async let slow = client.call(.put, "/v1/groups/shop", shop)
            let other = shop.replacing("app", with: "app2")
            let quick = try await client.call(.put, "/v1/groups/other?verify=false", other)
            #expect(quick.status == 201 && clock.now - began < .seconds(3), "\(quick.text)")
            let made = try await slow
            #expect(made.status == 201 && made.at("warnings", "0")?.contains("did not answer within 4 s") == true)
        }
    }

    @Test("drover ctl shows the warnings with the differences")
    func shown() async throws {
        try await withAPI(isLive: true, primaries: Primaries()) { client, _ in
            let screen = Screen(answers: true)
            let file = try DatabaseFile(
                """
                databases:
                  - name: shop
                    servers: [{name: shop, address: 127.0.9.1, origin: primary}]
                    users: [{username: app, password: x}]
                """, environment: [:])
            try await screen.work(client).apply(file, consent: .asked)
            #expect(screen.shown.contains("! warning: Cloud SQL lists replicas of shop"), "\(screen.shown)")
        }
    }
}
