package import FleetModel
import JSONValues

/// The instances and operations of one project: a pure value that time is passed to.
///
/// It behaves as Google's service was seen to and its documentation says: one operation at a time per primary, names that
/// cannot be used again, replicas that hold their primary, int64 as text.
package struct CloudSQLModel: Sendable {
    /// One operation.
    struct Operation: Sendable {
        var id: String
        var type: String
        var target: String
        var primary: String
        var insertedAt: Timestamp
        var endsAt: Timestamp
        var failure: String?
        /// What an UPDATE merges into the instance.
        var change: JSONValue = .null
        var isSettled = false
    }

    let project: String
    let operationDuration: Duration
    private let replicaAddresses: @Sendable (Int) -> String
    var instances: [String: JSONValue] = [:]
    private(set) var operations: [Operation] = []
    private var usedNames: Set<String> = []
    private var addressesGiven = 0
    /// By instance; made when somebody first asks.
    var allCertificates: [String: StandInCertificates] = [:]
    var busyUntil: [String: Timestamp] = [:]
    var failsNextCreate = false
    var ghost: Duration?

    /// An empty project whose operations take `operationDuration` and whose n-th new replica gets
    /// `replicaAddresses(n)`.
    package init(
        project: String, operationDuration: Duration, replicaAddresses: @escaping @Sendable (Int) -> String
    ) {
        self.project = project
        self.operationDuration = operationDuration
        self.replicaAddresses = replicaAddresses
    }

    /// Puts an instance there, as if it had existed before; `address` must be a loopback address.
    package mutating func seed(_ name: String, address: String, primary: String?, at now: Timestamp) {
        Self.requireLoopback(address)
        instances[name] = Self.instance(
            name, project, state: "RUNNABLE", address: address, primary: primary, settings: Self.seedSettings, at: now)
        if let primary { addReplica(name, to: primary) }
    }

    // MARK: Calls

    func get(_ name: String) throws(GoogleError) -> JSONValue {
        guard let instance = instances[name] else {
            throw GoogleError(404, "instanceDoesNotExist", "The Cloud SQL instance does not exist.")
        }
        return instance
    }

    func list(filter: String?, maximum: Int, pageToken: String?) throws(GoogleError) -> JSONValue {
        let filter = try InstanceFilter(filter ?? "")
        let matching = instances.keys.sorted().filter { filter.matches(instances[$0] ?? .null) }
        let rest = matching.drop { name in pageToken.map { name <= $0 } ?? false }
        let page = rest.prefix(maximum)
        var answer: JSONValue = ["kind": "sql#instancesList"]
        if !page.isEmpty { answer[at: "items"] = .array(page.compactMap { instances[$0] }) }
        if page.count < rest.count, let last = page.last { answer[at: "nextPageToken"] = .string(last) }
        return answer
    }

    mutating func insert(_ body: JSONValue, id: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        try CloudSQLRequest.checkInsert(body)
        guard let name = body[at: "name"].string, (try? InstanceName(name)) != nil else {
            throw GoogleError(400, "invalid", "Invalid request: Invalid instance name.")
        }
        guard instances[name] == nil, !usedNames.contains(name) else {
            throw GoogleError(
                409, "instanceAlreadyExists",
                "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the "
                    + "deleted instance until one week from the deletion date.")
        }
        guard let primary = body[at: "masterInstanceName"].string, instances[primary] != nil else {
            throw GoogleError(404, "instanceDoesNotExist", "The master instance does not exist.")
        }
        try beginOperation(on: primary, at: now)
        var settings = body[at: "settings"]
        settings[at: "kind"] = "sql#settings"
        settings[at: "settingsVersion"] = "1"
        var made = Self.instance(
            name, project, state: "PENDING_CREATE", address: nil, primary: primary, settings: settings, at: now)
        made[at: "databaseVersion"] = body[at: "databaseVersion"] == .null ? "MYSQL_8_0" : body[at: "databaseVersion"]
        made[at: "region"] = body[at: "region"] == .null ? "us-central1" : body[at: "region"]
        instances[name] = made
        addReplica(name, to: primary)
        let failure = failsNextCreate ? "An unknown error occurred." : nil
        failsNextCreate = false
        return start("CREATE_REPLICA", on: name, primary: primary, id: id, failure: failure, at: now)
    }

    mutating func delete(_ name: String, id: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        let instance = try get(name)
        if instance[at: "settings", "deletionProtectionEnabled"] == true {
            throw GoogleError(
                400, "protectedInstanceDeletionFailure", "The instance is protected. Please disable the protection.")
        }
        guard instance[at: "replicaNames"].elements.isEmpty else {
            throw GoogleError(400, "invalidHasReplicaOperation", "The instance has replicas.")
        }
        let primary = instance[at: "masterInstanceName"].string ?? name
        try beginOperation(on: primary, at: now)
        instances[name]?[at: "state"] = "PENDING_DELETE"
        return start("DELETE", on: name, primary: primary, id: id, failure: nil, at: now)
    }

    mutating func patch(
        _ name: String, _ body: JSONValue, id: String, at now: Timestamp
    ) throws(GoogleError) -> JSONValue {
        let instance = try get(name)
        try CloudSQLRequest.checkFields(body)
        let version = body[at: "settings", "settingsVersion"]
        guard version == .null || version == instance[at: "settings", "settingsVersion"] else {
            throw GoogleError(412, "staleData", "The settings version does not match the current one.")
        }
        let primary = instance[at: "masterInstanceName"].string ?? name
        try beginOperation(on: primary, at: now)
        return start("UPDATE", on: name, primary: primary, id: id, failure: nil, change: body[at: "settings"], at: now)
    }

    func operation(_ id: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        guard let operation = operations.first(where: { $0.id == id }) else {
            throw GoogleError(404, "operationDoesNotExist", "The Cloud SQL operation does not exist.")
        }
        return answer(operation, at: now)
    }

    func operations(of instance: String?, maximum: Int, pageToken: String?, at now: Timestamp) -> JSONValue {
        let matching = operations.reversed().filter { instance == nil || $0.target == instance }
        let start = pageToken.flatMap { Int($0) } ?? 0
        let page = matching.dropFirst(start).prefix(maximum)
        var list: JSONValue = ["kind": "sql#operationsList"]
        if !page.isEmpty { list[at: "items"] = .array(page.map { answer($0, at: now) }) }
        if start + page.count < matching.count { list[at: "nextPageToken"] = .string("\(start + page.count)") }
        return list
    }

    /// Lets the operations that have ended by `now` take effect.
    mutating func settle(at now: Timestamp) {
        for index in operations.indices where !operations[index].isSettled && operations[index].endsAt <= now {
            operations[index].isSettled = true
            let operation = operations[index]
            if let ghost { busyUntil[operation.primary] = now.advanced(by: ghost) }
            ghost = nil
            switch operation.type {
            case "CREATE_REPLICA" where operation.failure != nil:
                instances[operation.target]?[at: "state"] = "FAILED"
            case "CREATE_REPLICA":
                instances[operation.target]?[at: "state"] = "RUNNABLE"
                giveAddress(operation.target)
            case "UPDATE":
                update(operation)
            case "PROMOTE_REPLICA":
                leavePrimary(operation.target, operation.primary)
            default:
                instances[operation.target] = nil
                usedNames.insert(operation.target)
                removeReplica(operation.target, from: operation.primary)
            }
        }
    }

    /// Begins the promotion of a replica, which becomes a primary of its own.
    mutating func promote(_ name: String, id: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        let instance = try get(name)
        guard let primary = instance[at: "masterInstanceName"].string else {
            throw GoogleError(400, "invalidOperation", "The instance is not a read replica.")
        }
        try beginOperation(on: primary, at: now)
        return start("PROMOTE_REPLICA", on: name, primary: primary, id: id, failure: nil, at: now)
    }

    // MARK: Parts

    private mutating func update(_ operation: Operation) {
        let before = instances[operation.target]?[at: "settings"] ?? [:]
        var settings = operation.change == .null ? before : before.merging(operation.change)
        let version = settings[at: "settingsVersion"].string.flatMap { Int64($0) } ?? 0
        settings[at: "settingsVersion"] = .string("\(version + 1)")
        instances[operation.target]?[at: "settings"] = settings
        let network = settings[at: "ipConfiguration", "privateNetwork"]
        // Another network gives the instance another private address, and none takes it away.
        if network != before[at: "ipConfiguration", "privateNetwork"] { giveAddress(operation.target) }
    }

    /// Gives the instance the next private address, or none where its settings name no private network.
    private mutating func giveAddress(_ name: String) {
        guard let network = instances[name]?[at: "settings", "ipConfiguration", "privateNetwork"].string,
            !network.isEmpty
        else {
            instances[name]?[at: "ipAddresses"] = []
            return
        }
        addressesGiven += 1
        let address = replicaAddresses(addressesGiven)
        Self.requireLoopback(address)
        instances[name]?[at: "ipAddresses"] = [["type": "PRIVATE", "ipAddress": .string(address)]]
    }

    private func beginOperation(on primary: String, at now: Timestamp) throws(GoogleError) {
        let isBusy = operations.contains { $0.primary == primary && !$0.isSettled }
        guard !isBusy, busyUntil[primary].map({ $0 <= now }) ?? true else {
            throw GoogleError(
                409, "operationInProgress",
                "Operation failed because another operation was already in progress. Try your request after the "
                    + "current operation is complete.")
        }
    }

    private mutating func start(
        _ type: String, on target: String, primary: String, id: String, failure: String?, change: JSONValue = .null,
        at now: Timestamp
    ) -> JSONValue {
        let operation = Operation(
            id: id, type: type, target: target, primary: primary, insertedAt: now,
            endsAt: now.advanced(by: operationDuration), failure: failure, change: change)
        operations.append(operation)
        return answer(operation, at: now, isFirst: true)
    }

    private func answer(_ operation: Operation, at now: Timestamp, isFirst: Bool = false) -> JSONValue {
        let elapsed = now.since(operation.insertedAt)
        let status = operation.isSettled ? "DONE" : isFirst || elapsed < operationDuration / 5 ? "PENDING" : "RUNNING"
        var answer: JSONValue = [
            "kind": "sql#operation", "name": .string(operation.id), "operationType": .string(operation.type),
            "status": .string(status), "user": "sandbox@example.iam.gserviceaccount.com",
            "insertTime": .string(operation.insertedAt.rfc3339), "targetId": .string(operation.target),
            "targetProject": .string(project),
        ]
        if status != "PENDING" { answer[at: "startTime"] = .string(operation.insertedAt.rfc3339) }
        if status == "DONE" {
            answer[at: "endTime"] = .string(operation.endsAt.rfc3339)
            if let failure = operation.failure {
                answer[at: "error"] = [
                    "kind": "sql#operationErrors",
                    "errors": [
                        ["kind": "sql#operationError", "code": "ERROR_UNKNOWN", "message": .string(failure)]
                    ],
                ]
            }
        }
        return answer
    }

    /// Whoever connects to an instance of the stand-in must stay on this machine.
    private static func requireLoopback(_ address: String) {
        precondition(address.hasPrefix("127."), "the stand-in gives out loopback addresses only, not \(address)")
    }

    private mutating func leavePrimary(_ name: String, _ primary: String) {
        var members = instances[name]?.members ?? [:]
        members["masterInstanceName"] = nil
        members["replicaConfiguration"] = nil
        members["instanceType"] = "CLOUD_SQL_INSTANCE"
        instances[name] = .object(members)
        removeReplica(name, from: primary)
    }

    private mutating func removeReplica(_ name: String, from primary: String) {
        let names = instances[primary]?[at: "replicaNames"].elements ?? []
        instances[primary]?[at: "replicaNames"] = .array(names.filter { $0.string != name })
    }

    private mutating func addReplica(_ name: String, to primary: String) {
        let names = instances[primary]?[at: "replicaNames"].elements ?? []
        instances[primary]?[at: "replicaNames"] = .array(names + [.string(name)])
    }
}
