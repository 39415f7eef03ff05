import Endpoints
import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import Testing

private let origin = HTTPField.Name("Origin") ?? .referer
private let site = HTTPField.Name("Sec-Fetch-Site") ?? .referer

@Suite("Pages of other sites", .timeLimit(.minutes(1)))
struct CrossSiteTests {
    private func refused(
        _ authority: String?, _ headers: HTTPFields, _ check: BrowserCheck = BrowserCheck(),
        method: HTTPRequest.Method = .post
    ) -> Bool {
        let request = HTTPRequest(
            method: method, scheme: "http", authority: authority, path: "/v1/groups", headerFields: headers)
        return (try? check.check(request)) == nil
    }

    @Test(
        "the page's origin must be the server that the request names",
        arguments: [
            ("api.example", "http://api.example", true), ("api.example:8082", "http://api.example:8082", true),
            ("API.example", "https://api.EXAMPLE", true), ("api.example:443", "https://api.example", true),
            ("[::1]:8082", "http://[::1]:8082", true), ("api.example.", "http://api.example", true),
            ("api.example", "http://evil.example", false), ("api.example:8082", "http://api.example", false),
            ("api.example:8082", "http://api.example:3000", false), ("api.example", "http://api.example.evil", false),
            ("api.example", "null", false), ("api.example", "", false), ("api.example", "file://", false),
            ("api.example", "http://", false), ("api.example", "api.example", false),
            ("api.example", "http://api.example@evil.example", false),
        ] as [(String, String, Bool)])
    func origins(host: String, page: String, isOwn: Bool) {
        #expect(refused(host, [origin: page]) == !isOwn)
        #expect(!refused(host, [origin: page], method: .get), "reading shows a page of elsewhere nothing")
    }

    @Test("a page without TLS is not that of a server that speaks it, and allowed hosts stand for their usual ports")
    func schemes() {
        #expect(refused("a.example", [origin: "http://a.example"], BrowserCheck(speaksTLS: true)))
        #expect(!refused("a.example", [origin: "https://a.example"], BrowserCheck(speaksTLS: true)))
        let proxied = BrowserCheck(allowedHosts: ["Drover.example", "other.example:8443"])
        #expect(!refused("10.0.0.7:8082", [origin: "https://drover.example"], proxied))
        #expect(refused("10.0.0.7:8082", [origin: "https://drover.example:444"], proxied))
        #expect(!refused("10.0.0.7:8082", [origin: "https://other.example:8443"], proxied))
        #expect(refused("10.0.0.7:8082", [origin: "https://other.example"], proxied))
        var two = HTTPFields()
        two.append(HTTPField(name: origin, value: "http://a.example"))
        two.append(HTTPField(name: origin, value: "http://evil.example"))
        #expect(refused("a.example", two))
        #expect(refused("a.example", [site: "same-site"]) && refused("a.example", [site: "cross-site"]))
        #expect(!refused("a.example", [site: "same-origin"]) && !refused("a.example", [:]))
    }

    @Test("where nobody proves anything, the server has this machine's names only, for reading too")
    func hosts() {
        let open = BrowserCheck(hosts: .loopback, allowedHosts: ["drover.test"])
        for host in [
            "localhost", "localhost:8082", "127.0.0.1:8082", "127.9.8.7", "[::1]:8082", "x.localhost", "drover.test",
            "drover.test:80", "LOCALHOST:1",
        ] { #expect(!refused(host, [:], open, method: .get), "\(host)") }
        #expect(!refused(nil, [:], open, method: .get))
        for host in [
            "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8082", "10.0.0.1",
        ] { #expect(refused(host, [:], open, method: .get), "\(host)") }
    }

    @Test("a page from elsewhere cannot make a browser change anything")
    func writes() async throws {
        try await withAPI { client, store in
            for headers: HTTPFields in [
                [site: "cross-site"], [origin: "http://evil.example"], [origin: "null"],
                [origin: "http://evil.example", .contentType: "text/plain"],
            ] {
                let added = try await client.call(.post, "/", goAdd(), headers: headers)
                #expect(added.status == 403)
                #expect(try await client.call(.put, "/v1/groups/shop", shop, headers: headers).status == 403)
                #expect(try await client.call(.delete, "/v1/groups/shop", headers: headers).status == 403)
                #expect(try await client.call(.post, "/v1/groups/shop/resume", headers: headers).status == 403)
            }
            #expect(try await store.groups().isEmpty)
            #expect(try await client.call(.post, "/", goAdd(), headers: [site: "same-origin"]).status == 200)
        }
    }

    @Test(
        "what a form can send is no change of a group",
        arguments: [
            "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "", "nonsense",
        ])
    func types(type: String) async throws {
        try await withAPI { client, store in
            let headers: HTTPFields = type.isEmpty ? [:] : [.contentType: type]
            let put = try await client.send(.put, "/v1/groups/shop", shop, headers: headers)
            #expect(put.status == 415)
            var browser = headers
            browser[.userAgent] = "Mozilla/5.0"
            #expect(try await client.send(.post, "/", goAdd(), headers: browser).status == 415)
            #expect(try await store.groups().isEmpty)
            let isCurl = type.isEmpty || type.hasSuffix("urlencoded")
            #expect(try await client.send(.post, "/", goAdd(), headers: headers).status == (isCurl ? 200 : 415))
        }
    }

    @Test("a name that suddenly leads here reads no passwords where nobody proves anything")
    func rebinding() async throws {
        var settings = APIRoutes.Settings(defaultPolicy: ScalingPolicy(maximumReplicas: 5))
        settings.browsers = BrowserCheck(hosts: .loopback)
        try await withAPI(settings: settings, isLive: true) { client, _ in
            #expect(try await client.call(.post, "/", goAdd()).status == 200)
            let port = try #require(client.port)
            let raw = try await RawClient.connected(port)
            let answer = try await raw.said(
                "GET /v1/groups/shop?withPasswords=true HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 403 ") && !answer.contains("hunter2"), "\(answer)")
        }
    }
}
