import FleetModel
import Logging
import MySQLWire
import Observability

/// What is remembered of one node from round to round.
struct NodeMemory: Sendable {
    /// A comparison of a module that found everything as it is wanted.
    struct Comparison: Sendable, Equatable {
        /// What was wanted.
        var revision: Int
        /// What `runtime_checksums_values` said just before.
        var stamp: [String]
    }

    var compared: [AdminModule: Comparison] = [:]
    /// Modules that were loaded and not saved since, or whose disk was seen to hold something else.
    var unsaved: Set<AdminModule> = []
    /// Servers of somebody else in hostgroups of groups, when they were read last.
    var foreignServers: [InstanceName: [ForeignRow]] = [:]
    /// The groups whose marks the rows of a module bear in memory or at runtime, when they were read last.
    var marks: [AdminModule: Set<String>] = [:]

    /// The same on disk.
    var diskMarks: [AdminModule: Set<String>] = [:]

    /// The groups of which the node holds rows; nil until all of it was read.
    var held: HeldMarks? {
        guard marks.count == AdminModule.allCases.count else { return nil }
        return HeldMarks(
            live: marks.values.reduce(into: []) { $0.formUnion($1) },
            disk: diskMarks.values.reduce(into: []) { $0.formUnion($1) })
    }
}

/// How much of a node is read.
enum RoundDepth: Int, Sendable, Comparable {
    /// Only what has another runtime checksum than when it was last found right.
    case checksums
    /// Memory and runtime of all modules: a change of memory alone moves no checksum.
    case tables
    /// The disk too.
    case disk

    static func < (left: RoundDepth, right: RoundDepth) -> Bool { left.rawValue < right.rawValue }
}

/// Brings what all groups want to one node: each table is read once, or not at all, and each module loaded at most once.
///
/// A group that cannot be brought there (it contradicts itself, or a statement is refused) is noted in `lacks` and
/// holds up no other.
struct NodeRound: Sendable {
    let connection: any AdminConnection
    let node: String
    let savesToDisk: Bool
    let depth: RoundDepth
    let logger: Logger
    /// Whether the revision of a module is still the newest.
    let isNewest: @Sendable (AdminModule, Int) async -> Bool
    var memory: NodeMemory
    /// Why groups are behind.
    private(set) var lacks: [InstanceName: String] = [:]
    /// Rows of somebody else in places of groups; the rest of those groups is brought.
    private(set) var foreign: [InstanceName: [ForeignRow]] = [:]
    private(set) var hasLoaded = false
    /// Whether something was left undone because something else is wanted by now.
    private(set) var isOutdated = false

    init(
        connection: any AdminConnection, node: String, savesToDisk: Bool, depth: RoundDepth, memory: NodeMemory,
        logger: Logger, isNewest: @escaping @Sendable (AdminModule, Int) async -> Bool
    ) {
        self.connection = connection
        self.node = node
        self.savesToDisk = savesToDisk
        self.depth = depth
        self.memory = memory
        self.logger = logger
        self.isNewest = isNewest
    }

    /// One round. After an error `memory` still says what was done.
    /// - Throws: `AdminError` when the node does not answer, or answers what cannot be understood.
    ///
    /// Everything is read where nothing is `wanted`, as long as somebody asks for whose rows there are, and where
    /// something of groups that are `gone` has to go.
    mutating func run(
        _ wanted: WantedFleet, gone: [WantedGroup] = [], surveys: Bool = false
    ) async throws(AdminError) {
        let stamps = try await stamps()
        let wanted = wanted.adding(gone)
        for module in AdminModule.allCases {
            let now = NodeMemory.Comparison(revision: wanted.revision(of: module), stamp: stamps[module] ?? [])
            // What was never loaded has no checksum to go by.
            if depth == .checksums, gone.isEmpty, !now.stamp.isEmpty, memory.compared[module] == now { continue }
            memory.compared[module] = nil
            guard !wanted.groups.isEmpty || surveys else { continue }
            memory.marks[module] = nil
            let before = lacks.count + foreign.values.reduce(0) { $0 + $1.count }
            let loaded = try await bring(module, wanted, revision: now.revision)
            // A group that lacks something is looked at again in every round, and everybody's module with it.
            let after = lacks.count + foreign.values.reduce(0) { $0 + $1.count }
            guard after == before, !isOutdated else { continue }
            memory.compared[module] = .init(revision: now.revision, stamp: loaded ?? now.stamp)
        }
        // What is lacking for another reason is told first; then nothing is known of how much else was brought.
        foreign = foreign.filter { lacks[$0.key] == nil }
        for (group, rows) in foreign { lacks[group] = AdminError(rows, of: group, on: node).message }
    }

    /// - Returns: the module's stamp when it was loaded, nil when nothing had to be.
    private mutating func bring(
        _ module: AdminModule, _ wanted: WantedFleet, revision: Int
    ) async throws(AdminError) -> [String]? {
        var tables: [any BroughtTable] = []
        switch module {
        case .servers:
            // One LOAD brings both to runtime (seen on ProxySQL 2.7.1): no server runs with TLS before what verifies it.
            tables.append(try await write(wanted.ordered) { group throws(AdminError) in try group.trust.get() })
            tables.append(try await write(wanted.ordered) { $0.servers })
        case .users: tables.append(try await write(wanted.ordered) { $0.users })
        case .queryRules: tables.append(try await write(wanted.ordered) { $0.rules })
        }
        var (due, marks) = try await differing(tables)
        var stamp: [String]?
        if !due.isEmpty {
            // What is outdated must not be stamped anew: cluster sync would take it for the newest.
            guard await isNewest(module, revision) else {
                isOutdated = true
                return nil
            }
            try await load(module, due, tables)
            stamp = try await stamps()[module]
            (due, marks) = try await differing(tables)
            for group in due {
                lacks[group] = "\(node) does not run what \(module.table) holds after its LOAD"
            }
        }
        for table in tables { marks.formUnion(table.marks) }
        memory.marks[module] = marks
        guard depth == .disk, savesToDisk else { return stamp }
        memory.diskMarks[module] = []
        for table in tables {
            let (isSaved, marks) = try await table.isSaved(self)
            memory.diskMarks[module, default: []].formUnion(marks)
            if !isSaved { memory.unsaved.insert(module) }
        }
        return stamp
    }

    /// The groups whose rows at runtime are not what memory holds of them, and all whose marks runtime shows.
    private func differing(
        _ tables: [any BroughtTable]
    ) async throws(AdminError) -> (groups: [InstanceName], marks: Set<String>) {
        var groups: Set<InstanceName> = []
        var marks: Set<String> = []
        for table in tables {
            let differing = try await table.differing(self)
            groups.formUnion(differing.groups)
            marks.formUnion(differing.marks)
        }
        return (groups.filter { lacks[$0] == nil }.sorted(), marks)
    }

    private mutating func load(
        _ module: AdminModule, _ groups: [InstanceName], _ tables: [any BroughtTable]
    ) async throws(AdminError) {
        if savesToDisk { memory.unsaved.insert(module) }
        hasLoaded = true
        _ = try await connection.query("LOAD \(module.rawValue) TO RUNTIME")
        AdminMetric.loads.count(node, module.rawValue)
        let names = groups.prefix(20).map(\.text).joined(separator: " ")
        logger.info(
            "loaded",
            metadata: [
                "node.id": "\(node)", "module": "\(module.rawValue)",
                "group.name": "\(groups.count > 20 ? "\(names) and \(groups.count - 20) more" : names)",
                "difference": "\(tables.map(\.change).joined(separator: "; ").prefix(2_000))",
            ])
    }

    /// Repeats what was loaded onto the disk: peers persist what they pull and the origin does not (seen on ProxySQL
    /// 2.7.1). Whoever calls this has told of the round already, because a database that somebody locked makes SAVE,
    /// and everything behind it, hang.
    /// - Throws: `AdminError`; what is not saved stays in `memory`.
    mutating func save() async throws(AdminError) {
        for module in AdminModule.allCases where memory.unsaved.contains(module) {
            _ = try await connection.query("SAVE \(module.rawValue) TO DISK")
            memory.unsaved.remove(module)
            memory.diskMarks[module] = memory.marks[module]
        }
    }

    /// What each module's rows of `runtime_checksums_values` say, versions included: a LOAD that changed nothing there
    /// may still have followed a change of something that no checksum covers.
    private func stamps() async throws(AdminError) -> [AdminModule: [String]] {
        let result = try await connection.query("SELECT name, version, epoch, checksum FROM runtime_checksums_values")
        var stamps: [AdminModule: [String]] = [:]
        for row in result.rows {
            let name = try row.required("name")
            let checksum = row.string("checksum") ?? ""
            guard let module = AdminModule.allCases.first(where: { $0.checksumNames.contains(name) }),
                checksum != "", !checksum.allSatisfy({ $0 == "0" || $0 == "x" })
            else { continue }
            stamps[module, default: []].append("\(name) \(try row.required("version")) \(checksum)")
        }
        return stamps
    }

    // MARK: One table

    /// Writes what differs into memory, for all groups, and reads it back.
    private mutating func write<Row: ManagedRow>(
        _ groups: [WantedGroup], _ rows: (WantedGroup) throws(AdminError) -> [Row]
    ) async throws(AdminError) -> Brought<Row> {
        let current = try await self.rows(Row.table, of: Row.self)
        if let servers = current as? [ServerRow] {
            let configurations = groups.filter { !$0.isWithdrawn }.map(\.configuration)
            memory.foreignServers = ForeignServers(servers, configurations).rows
        }
        var wanted: [(group: InstanceName, rows: [Row])] = []
        let adoptions = Dictionary(
            groups.map { ($0.configuration.group, $0.configuration.adoption) }, uniquingKeysWith: { first, _ in first })
        for group in groups where lacks[group.configuration.group] == nil {
            let name = group.configuration.group
            do throws(AdminError) {
                let rows = try rows(group)
                if current == nil, !rows.isEmpty { throw NodeApply.missing(Row.table, on: node) }
                wanted.append((name, rows))
            } catch {
                lacks[name] = error.message
            }
        }
        let shares = Shares(current ?? [], wanted)
        for (group, reason) in shares.collisions { lacks[group] = reason }
        var brought = Brought<Row>(isThere: current != nil, marks: Set((current ?? []).compactMap(\.mark?.group)))
        for (group, rows) in wanted where lacks[group] == nil {
            do throws(AdminError) {
                let difference = try Difference(
                    current: shares.rows(of: group), wanted: rows, group: group.text,
                    adoption: adoptions[group] ?? nil)
                if !difference.collisions.isEmpty, !(Row.self is SSLParamsRow.Type) {
                    foreign[group, default: []] += difference.collisions
                }
                brought.results[group] = difference.result
                guard !difference.isEmpty else { continue }
                brought.changes.append("\(difference)")
                // Removing comes last: if a statement is refused, memory holds too much rather than too little.
                for row in difference.updates { _ = try await connection.query(try row.update()) }
                for row in difference.inserts { _ = try await connection.query(try row.upsert()) }
                for row in difference.deletes { _ = try await connection.query(try row.delete()) }
            } catch {
                guard error.concernsOneGroup else { throw error }
                lacks[group] = error.message
                brought.results[group] = nil
            }
        }
        if !brought.changes.isEmpty { try await readBack(&brought, wanted, adoptions) }
        return brought
    }

    private mutating func readBack<Row: ManagedRow>(
        _ brought: inout Brought<Row>, _ wanted: [(group: InstanceName, rows: [Row])],
        _ adoptions: [InstanceName: Adoption?]
    ) async throws(AdminError) {
        let shares = Shares(try await rows(Row.table, of: Row.self) ?? [], wanted)
        for (group, rows) in wanted where brought.results[group] != nil {
            let remaining = try Difference(
                current: shares.rows(of: group), wanted: rows, group: group.text, adoption: adoptions[group] ?? nil)
            guard !remaining.isEmpty else { continue }
            lacks[group] =
                "\(node) holds something else in \(Row.table) than was written (still to do: \(remaining)); "
                + "nothing was loaded"
            brought.results[group] = nil
        }
    }

    /// All rows of a table; nil where this ProxySQL does not have it.
    fileprivate func rows<Row: ManagedRow>(
        _ table: String, of type: Row.Type, where condition: String = "1=1"
    ) async throws(AdminError) -> [Row]? {
        do throws(AdminError) {
            let result = try await connection.query(
                "SELECT \(Row.columns.joined(separator: ",")) FROM \(table) WHERE \(condition)")
            var rows: [Row] = []
            rows.reserveCapacity(result.rows.count)
            for row in result.rows { rows.append(try Row(row)) }
            return rows
        } catch {
            guard NodeApply.isMissing(Row.self, error) else { throw error }
            return nil
        }
    }
}

/// A table whose memory was brought to what is wanted.
private protocol BroughtTable: Sendable {
    /// What was written and removed.
    var change: String { get }
    /// The groups whose marks the rows in memory bear.
    var marks: Set<String> { get }
    /// The groups whose rows runtime does not show as memory holds them, and those whose marks it shows.
    func differing(
        _ round: NodeRound
    ) async throws(AdminError) -> (groups: Set<InstanceName>, marks: Set<String>)
    /// Whether the disk holds what memory does, of the groups, and whose marks it shows.
    func isSaved(_ round: NodeRound) async throws(AdminError) -> (isSaved: Bool, marks: Set<String>)
}

private struct Brought<Row: ManagedRow>: BroughtTable {
    /// Whether the node has the table.
    let isThere: Bool
    /// What memory holds of each group now; a group that failed is missing.
    var results: [InstanceName: Set<Row>] = [:]
    var changes: [String] = []
    /// The groups whose marks memory bore before anything was removed.
    let marksBefore: Set<String>

    init(isThere: Bool, marks: Set<String>) {
        self.isThere = isThere
        marksBefore = marks
    }

    var marks: Set<String> {
        marksBefore.subtracting(results.filter { $0.value.isEmpty }.map(\.key.text))
    }

    var change: String { "\(Row.table): \(changes.isEmpty ? "nothing" : changes.joined(separator: "; "))" }

    func differing(
        _ round: NodeRound
    ) async throws(AdminError) -> (groups: Set<InstanceName>, marks: Set<String>) {
        guard isThere else { return ([], []) }
        // What is out of force is looked for on neither side.
        let shown = try await marked("runtime_\(Row.table)", round, where: Row.runtimeCondition) {
            $0.isShownAtRuntime
        }
        var differing: Set<InstanceName> = []
        for (group, rows) in results
        where rows.filter(\.isShownAtRuntime) != shown[group.text] ?? [] { differing.insert(group) }
        let marks = Set(shown.keys)
        guard !differing.isEmpty, Row.self is ServerRow.Type else { return (differing, marks) }
        let pairs = try await ReplicationPairs(of: round.connection)
        differing = differing.filter { group in
            !pairs.agree(shown[group.text] ?? [], with: (results[group] ?? []).filter(\.isShownAtRuntime))
        }
        return (differing, marks)
    }

    func isSaved(_ round: NodeRound) async throws(AdminError) -> (isSaved: Bool, marks: Set<String>) {
        guard isThere else { return (true, []) }
        let saved = try await marked("disk.\(Row.table)", round) { _ in true }
        return (results.allSatisfy { group, rows in saved[group.text] ?? [] == rows }, Set(saved.keys))
    }

    private func marked(
        _ table: String, _ round: NodeRound, where condition: String = "1=1", _ isLookedAt: (Row) -> Bool
    ) async throws(AdminError) -> [String: Set<Row>] {
        var marked: [String: Set<Row>] = [:]
        for row in try await round.rows(table, of: Row.self, where: condition) ?? [] {
            guard let mark = row.mark, isLookedAt(row) else { continue }
            marked[mark.group, default: []].insert(row.comparable)
        }
        return marked
    }
}

/// A table's rows by the groups that they concern: whose mark they bear, or who wants something in their place.
private struct Shares<Row: ManagedRow> {
    private var rows: [InstanceName: [Row]] = [:]
    /// Groups that want a place which another one has, and why they do not get it.
    private(set) var collisions: [InstanceName: String] = [:]

    init(_ current: [Row], _ wanted: [(group: InstanceName, rows: [Row])]) {
        var owners: [[String]: InstanceName] = [:]
        var names: [String: InstanceName] = [:]
        let holders = Dictionary(current.map { ($0.key, $0.mark?.group) }, uniquingKeysWith: { first, _ in first })
        for (group, rows) in wanted {
            names[group.text] = group
            for row in rows {
                guard let other = owners[row.key], other != group else {
                    owners[row.key] = group
                    continue
                }
                let isHeld = holders[row.key] == group.text
                let (winner, loser) = isHeld ? (group, other) : (other, group)
                owners[row.key] = winner
                collisions[loser] =
                    "group \(loser) wants \(row.key.joined(separator: " ")) in \(Row.table), which is \(winner)'s; "
                    + "change one of the two"
            }
        }
        for row in current {
            let marked = row.mark.flatMap { names[$0.group] }
            let owner = owners[row.key]
            if let marked { rows[marked, default: []].append(row) }
            if let owner, owner != marked { rows[owner, default: []].append(row) }
        }
    }

    func rows(of group: InstanceName) -> [Row] { rows[group] ?? [] }
}

extension AdminError {
    /// Whether the next group can be gone on with: the session is as it was.
    fileprivate var concernsOneGroup: Bool {
        switch code {
        case .statementRefused, .unusableText, .contradictory, .unsupported, .readBackDiffers, .foreignRows: true
        case .refused, .unreachable, .unexpectedAnswer: false
        }
    }
}
