import Crypto
package import FleetModel
package import MySQLWire

/// A row of `mysql_servers`.
package struct ServerRow: ManagedRow {
    package static let table = "mysql_servers"
    package static let module = AdminModule.servers
    package static let columns = [
        "hostgroup_id", "hostname", "port", "gtid_port", "status", "weight", "compression", "max_connections",
        "max_replication_lag", "use_ssl", "max_latency_ms", "comment",
    ]

    package var hostgroup: Int
    package var hostname: String
    package var port: Int
    package var gtidPort = 0
    package var status: String
    package var weight: Int
    package var compression = 0
    package var maxConnections: Int
    package var maxReplicationLag = 0
    package var useTLS: Bool
    package var maxLatencyMilliseconds = 0
    package var comment: String

    package init(_ row: MySQLRow) throws(AdminError) {
        hostgroup = try row.number("hostgroup_id")
        hostname = try row.required("hostname")
        port = try row.number("port")
        gtidPort = try row.number("gtid_port")
        status = try row.required("status")
        weight = try row.number("weight")
        compression = try row.number("compression")
        maxConnections = try row.number("max_connections")
        maxReplicationLag = try row.number("max_replication_lag")
        useTLS = try row.number("use_ssl") == 1
        maxLatencyMilliseconds = try row.number("max_latency_ms")
        comment = try row.required("comment")
    }

    /// The row that `server` of `group` should have.
    package init(_ server: BackendServer, group: InstanceName) {
        hostgroup = server.hostgroup
        hostname = server.address
        port = server.port
        status = server.status.rawValue
        weight = server.weight
        maxConnections = server.maxConnections
        useTLS = server.useTLS
        comment = RowMark(group: group.text, isDraining: server.status == .offlineSoft).marking(server.name)
    }

    package var key: [String] { ["\(hostgroup)", hostname, "\(port)"] }

    package func keyCondition() throws(AdminError) -> String {
        "hostgroup_id=\(hostgroup) AND hostname=\(try SQLText.quote(hostname)) AND port=\(port)"
    }

    package var cells: [String?] {
        [
            "\(hostgroup)", hostname, "\(port)", "\(gtidPort)", status, "\(weight)", "\(compression)",
            "\(maxConnections)", "\(maxReplicationLag)", useTLS ? "1" : "0", "\(maxLatencyMilliseconds)", comment,
        ]
    }

    package var comparable: ServerRow {
        var row = self
        if row.status == "SHUNNED" { row.status = "ONLINE" }
        return row
    }

    /// OFFLINE_HARD means absent to ProxySQL. At runtime a removed server shows it for as long as a session is pinned
    /// to it, while one whose row says OFFLINE_HARD vanishes once no connection is left (seen on 2.7.1).
    package var isShownAtRuntime: Bool { status.uppercased() != "OFFLINE_HARD" }

    /// Keeps the columns that are not managed, and a status that a person set: one that differs from what the mark
    /// says was last wanted here. A drain softens no OFFLINE_HARD. SHUNNED stands in memory only when a person wrote
    /// it: Monitor and the error counters shun at runtime alone (seen on ProxySQL 2.7.1).
    package func merged(over current: ServerRow) -> ServerRow {
        var row = self
        row.gtidPort = current.gtidPort
        row.compression = current.compression
        row.maxReplicationLag = current.maxReplicationLag
        row.maxLatencyMilliseconds = current.maxLatencyMilliseconds
        let lastWanted = current.mark?.isDraining == true ? "OFFLINE_SOFT" : "ONLINE"
        let present = current.status.uppercased()
        if present != lastWanted, status == "ONLINE" || present == "OFFLINE_HARD" { row.status = present }
        return row
    }

    package func changesInPlace(_ current: ServerRow) -> Bool { true }

    /// It is the same server in the same hostgroup: share, limits and comment are no other backend. That a hostgroup is
    /// the group's alone is seen to when the group gets it.
    package func says(theSameAs current: ServerRow) -> Bool { true }
}

/// A row of `mysql_users`.
package struct UserRow: ManagedRow {
    package static let table = "mysql_users"
    package static let module = AdminModule.users
    package static let columns = [
        "username", "password", "active", "default_hostgroup", "backend", "frontend", "comment",
    ]
    /// At runtime a user has one row for each side; the frontend's tells all.
    package static let runtimeCondition = "frontend=1"

    package var username: String
    package var password: Secret
    package var isActive: Bool
    package var defaultHostgroup: Int
    /// For which sides of the proxy it stands.
    package var sides = Sides.both
    package var comment: String

    /// The sides of the proxy: clients log in on the frontend, ProxySQL logs in to MySQL on the backend.
    package enum Sides: Hashable, Sendable {
        /// One row for both, as Drover writes it.
        case both
        /// Two rows that are equal otherwise: what cluster sync leaves in the memory of a node that pulled one row for both.
        case pair
        /// One side only; a person may have made one row for each.
        case frontend, backend
    }

    package init(_ row: MySQLRow) throws(AdminError) {
        username = try row.required("username")
        password = Secret(row.string("password") ?? "")
        isActive = try row.number("active") == 1
        defaultHostgroup = try row.number("default_hostgroup")
        let isFrontend = try row.number("frontend") == 1
        sides = isFrontend ? (try row.number("backend") == 1 ? .both : .frontend) : .backend
        comment = row.string("comment") ?? ""
    }

    /// The row that `user` of `group` should have.
    package init(_ user: ProxyUser, group: InstanceName) {
        username = user.username
        password = user.password
        isActive = user.isActive
        defaultHostgroup = user.defaultHostgroup
        comment = RowMark(group: group.text).marking("")
    }

    package var key: [String] { [username] }

    package func keyCondition() throws(AdminError) -> String {
        let user = "username=\(try SQLText.quote(username))"
        return switch sides {
        case .both, .frontend: "\(user) AND frontend=1"
        case .backend: "\(user) AND backend=1"
        case .pair: user
        }
    }

    /// Two rows for the two sides, equal otherwise, are one user. The node that was loaded has one row; ProxySQL's cluster
    /// sync copies `runtime_mysql_users`, which has two, into the memory of the others (`update_mysql_users` of
    /// ProxySQL 2.7.1, and sysown/proxysql#1946).
    package static func folded(_ rows: [UserRow]) -> [UserRow] {
        let backends = Dictionary(
            rows.filter { $0.sides == .backend }.map { ($0.username, $0) }, uniquingKeysWith: { first, _ in first })
        var folded: Set<String> = []
        let paired = rows.map { row in
            guard row.sides == .frontend, var other = backends[row.username] else { return row }
            other.sides = .frontend
            guard other == row else { return row }
            folded.insert(row.username)
            var pair = row
            pair.sides = .pair
            return pair
        }
        return paired.filter { $0.sides != .backend || !folded.contains($0.username) }
    }

    package var cells: [String?] {
        [username, password.reveal(), isActive ? "1" : "0", "\(defaultHostgroup)", "1", "1", comment]
    }

    /// Memory may hold the clear text while runtime and peers hold the hash (ProxySQL documentation, "Password management").
    package var comparable: UserRow {
        var row = self
        row.password = Secret(Self.hash(password.reveal()))
        row.sides = .both
        return row
    }

    /// Only active users are loaded (seen on 2.7.1).
    package var isShownAtRuntime: Bool { isActive }

    /// A password that is already there as a hash of the same text stays as it is, and so does a pair.
    package func merged(over current: UserRow) -> UserRow {
        var row = self
        if current.sides == .pair { row.sides = .pair }
        if comparable.password == current.comparable.password { row.password = current.password }
        return row
    }

    /// A user's other columns, for example `max_connections`, are the operator's.
    package func changesInPlace(_ current: UserRow) -> Bool { current.sides == .both || current.sides == .pair }

    /// The two rows of a pair keep their sides.
    package var columnsLeftAlone: Set<String> { sides == .pair ? ["backend", "frontend"] : [] }

    package func says(theSameAs current: UserRow) -> Bool {
        comparable.password == current.comparable.password && defaultHostgroup == current.defaultHostgroup
            && isActive == current.isActive
    }

    /// MySQL's hash: `*` and SHA1(SHA1(password)) in upper-case hexadecimal; what is a hash stays one.
    static func hash(_ password: String) -> String {
        let isHash = password.utf8.count == 41 && password.hasPrefix("*")
        guard !isHash, !password.isEmpty else { return password }
        let first = Insecure.SHA1.hash(data: Array(password.utf8))
        let digits = Array("0123456789ABCDEF")
        return Insecure.SHA1.hash(data: Array(first)).reduce(into: "*") { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }
}

/// A row of `mysql_query_rules`.
package struct QueryRuleRow: ManagedRow {
    package static let table = "mysql_query_rules"
    package static let module = AdminModule.queryRules
    package static let columns = [
        "rule_id", "active", "username", "match_digest", "destination_hostgroup", "apply", "comment",
    ]

    package var id: Int
    package var isActive: Bool
    package var username: String?
    package var matchDigest: String?
    package var destinationHostgroup: Int?
    package var apply: Bool
    package var comment: String

    package init(_ row: MySQLRow) throws(AdminError) {
        id = try row.number("rule_id")
        isActive = try row.number("active") == 1
        username = row.string("username")
        matchDigest = row.string("match_digest")
        destinationHostgroup = row.string("destination_hostgroup").flatMap { Int($0) }
        apply = try row.number("apply") == 1
        comment = row.string("comment") ?? ""
    }

    /// The row that `rule` of `configuration` should have.
    package init(_ rule: QueryRule, of configuration: FleetConfiguration) {
        id = configuration.ruleIDBase.clampedSum(rule.id)
        isActive = rule.isActive
        username = rule.username
        matchDigest = rule.matchDigest
        destinationHostgroup = rule.destinationHostgroup
        apply = rule.apply
        comment = RowMark(group: configuration.group.text).marking(rule.comment)
    }

    package var key: [String] { ["\(id)"] }

    package func keyCondition() throws(AdminError) -> String { "rule_id=\(id)" }

    package var cells: [String?] {
        [
            "\(id)", isActive ? "1" : "0", username, matchDigest, destinationHostgroup.map { "\($0)" },
            apply ? "1" : "0", comment,
        ]
    }

    package var comparable: QueryRuleRow { self }

    /// Only active rules are loaded (seen on ProxySQL 2.7.1).
    package var isShownAtRuntime: Bool { isActive }

    package func merged(over current: QueryRuleRow) -> QueryRuleRow { self }

    /// The other columns of a foreign rule could keep the wanted one from matching.
    package func changesInPlace(_ current: QueryRuleRow) -> Bool { current.mark?.group == mark?.group }

    package func says(theSameAs current: QueryRuleRow) -> Bool {
        var present = current
        present.comment = comment
        return present == self
    }
}
