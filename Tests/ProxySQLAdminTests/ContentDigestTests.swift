import FleetModel
import Foundation
import ProxySQLAdmin
import Testing

@Suite("Digests of contents")
struct ContentDigestTests {
    private func configuration(password: String = "hush") throws -> FleetConfiguration {
        let group = try InstanceName("shop")
        return FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [
                    BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary),
                    BackendServer(name: "shop-r", address: "10.0.0.2", hostgroup: 10, origin: .configured),
                ], [ProxyUser(username: "app", password: Secret(password), defaultHostgroup: 5)],
                QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
            ))
    }

    @Test("equal contents have equal digests, whatever their order and generation")
    func equal() throws {
        let key = ContentKey()
        let first = try configuration()
        var second = first
        second.generation = 99
        second.servers.reverse()
        second.queryRules.reverse()
        #expect(key.digest(of: first) == key.digest(of: second))
        #expect(key.digest(of: first).count == 32)
    }

    @Test("without the key a digest confirms no password")
    func keyed() throws {
        let (mine, yours) = (ContentKey(), ContentKey())
        #expect(mine.digest(of: try configuration()) != yours.digest(of: try configuration()))
        #expect(mine.digest(of: try configuration()) != mine.digest(of: try configuration(password: "other")))
        #expect(!"\(mine)".contains(try text(of: mine)))
    }

    @Test("every member counts, and none runs into its neighbour", arguments: 0..<10)
    func members(index: Int) throws {
        let changes: [(inout FleetConfiguration) -> Void] = [
            { $0.writerHostgroup = 6 }, { $0.readerHostgroup = 11 }, { $0.ruleIDBase = 1_000 },
            { $0.servers[1].status = .offlineSoft }, { $0.servers[1].weight = 1 }, { $0.servers.removeLast() },
            { $0.users[0].isActive = false }, { $0.queryRules[0].comment = "x" }, { $0.tls = [] },
            {
                $0.servers[0].name = "shop1"
                $0.servers[0].address = "0.0.0.1"
            },
        ]
        let key = ContentKey()
        var changed = try configuration()
        changes[index](&changed)
        #expect(key.digest(of: changed) != key.digest(of: try configuration()))
    }

    @Test("a document carries its key to those who know it, and older readers read the rest")
    func document() throws {
        let published = PublishedConfiguration(try configuration(), contentKey: ContentKey())
        let data = try JSONEncoder().encode(published)
        #expect(try JSONDecoder().decode(PublishedConfiguration.self, from: data) == published)
        #expect(try JSONDecoder().decode(FleetConfiguration.self, from: data) == published.configuration)
        let old = try JSONEncoder().encode(published.configuration)
        let read = try JSONDecoder().decode(PublishedConfiguration.self, from: old)
        #expect(read.contentKey == nil && read.held.content == nil)
    }

    private func text(of key: ContentKey) throws -> String {
        String(decoding: try JSONEncoder().encode([key]), as: UTF8.self).filter { $0.isHexDigit }
    }
}
