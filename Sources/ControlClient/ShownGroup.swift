import FleetModel
import JSONValues
import ManagementAPI

/// A group as the API shows it, read back; its passwords are what the API shows in their place.
struct ShownGroup {
    private let document: JSONValue

    /// Reads `document`.
    init(_ document: JSONValue) {
        self.document = document
    }

    /// What the nodes hold of it, but for the passwords.
    /// - Throws: `InvalidName` when it is no group of the API's.
    func configuration() throws(InvalidName) -> FleetConfiguration {
        var configuration = FleetConfiguration(
            group: try InstanceName(text(document, "name")), writerHostgroup: number(document, "writerHostgroup"),
            readerHostgroup: number(document, "readerHostgroup"), ruleIDBase: number(document, "ruleIDBase"),
            content: (elements("servers").map(server), elements("users").map(user), elements("queryRules").map(rule)))
        configuration.generation = Int64(number(document, "generation"))
        return configuration
    }

    private func elements(_ name: String) -> [JSONValue] { document[name]?.elements ?? [] }

    private func text(_ value: JSONValue, _ name: String) -> String { value[name]?.string ?? "" }

    private func number(_ value: JSONValue, _ name: String) -> Int { Int(value[name]?.integer ?? 0) }

    private func flag(_ value: JSONValue, _ name: String) -> Bool { value[name]?.bool ?? false }

    private func server(_ value: JSONValue) -> BackendServer {
        var server = BackendServer(
            name: text(value, "name"), address: text(value, "address"), hostgroup: number(value, "hostgroup"),
            origin: .configured)
        server.port = number(value, "port")
        server.weight = number(value, "weight")
        server.maxConnections = number(value, "maxConnections")
        server.useTLS = flag(value, "useTLS")
        server.status = BackendServer.Status(rawValue: text(value, "status")) ?? .online
        return server
    }

    private func user(_ value: JSONValue) -> ProxyUser {
        var user = ProxyUser(
            username: text(value, "username"), password: Secret(text(value, "password")),
            defaultHostgroup: number(value, "defaultHostgroup"))
        user.isActive = flag(value, "isActive")
        return user
    }

    private func rule(_ value: JSONValue) -> QueryRule {
        var rule = QueryRule(
            id: number(value, "id"), username: text(value, "username"), matchDigest: text(value, "matchDigest"),
            destinationHostgroup: number(value, "destinationHostgroup"), comment: text(value, "comment"))
        rule.isActive = flag(value, "isActive")
        rule.apply = flag(value, "apply")
        return rule
    }
}
