package import JSONValues

/// Entities and transactions of one Datastore: a pure value that behaves as Google's emulator in its optimistic mode
/// was seen to (Cloud Datastore emulator 2.3).
package struct DatastoreModel: Sendable {
    private struct Stored: Sendable {
        var entity: JSONValue
        var version: Int
    }

    private struct Transaction: Sendable {
        /// The version of each entity that was read; 0 for one that was not there.
        var seen: [JSONValue: Int] = [:]
        var isReadOnly = false
    }

    private var entities: [JSONValue: Stored] = [:]
    private var transactions: [String: Transaction] = [:]
    private var closed: Set<String> = []
    private var version = 1
    private var begun = 0
    /// How many entities a page of a query holds.
    package var pageSize = 300

    /// An empty Datastore.
    package init() {}

    /// Every entity, by its key's path joined with `/`, for tests to look at.
    package var contents: [String: JSONValue] {
        var result: [String: JSONValue] = [:]
        for stored in entities.values {
            let path = stored.entity[at: "key", "path"].elements
            result[
                path.map { "\($0[at: "kind"].string ?? "")/\($0[at: "name"].string ?? "")" }.joined(separator: "/")] =
                stored.entity[at: "properties"]
        }
        return result
    }

    /// Answers one method, for example `lookup`.
    mutating func answer(_ method: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        try Self.checkFields(method, body)
        switch method {
        case "lookup": return try lookup(body)
        case "runQuery": return try runQuery(body)
        case "beginTransaction": return begin(body)
        case "commit": return try commit(body)
        case "rollback": return try rollback(body)
        default: throw .canonical(404, "NOT_FOUND", "Not Found")
        }
    }

    private static func checkFields(_ method: String, _ body: JSONValue) throws(GoogleError) {
        let known: [String: Set<String>] = [
            "lookup": ["databaseId", "readOptions", "keys", "propertyMask"],
            "runQuery": ["databaseId", "partitionId", "readOptions", "query", "gqlQuery", "propertyMask"],
            "beginTransaction": ["databaseId", "transactionOptions"],
            "commit": ["databaseId", "mode", "transaction", "singleUseTransaction", "mutations"],
            "rollback": ["databaseId", "transaction"],
        ]
        guard case .object(let members) = body, members.keys.allSatisfy({ known[method]?.contains($0) ?? true }) else {
            throw invalid("Payload isn't valid for request.")
        }
    }

    private static func invalid(_ message: String) -> GoogleError {
        .canonical(400, "INVALID_ARGUMENT", message)
    }

    /// A key as the dictionary knows it: without the database, whose absence and emptiness mean the same.
    private static func normalized(_ key: JSONValue) throws(GoogleError) -> JSONValue {
        var partition = key[at: "partitionId"]
        partition[at: "databaseId"] = .null
        guard !key[at: "path"].elements.isEmpty, key[at: "path"].elements.allSatisfy({ $0[at: "kind"].string != nil })
        else {
            throw invalid("Key path is incomplete.")
        }
        return ["partitionId": partition, "path": key[at: "path"]]
    }

    // MARK: Reading

    private mutating func lookup(_ body: JSONValue) throws(GoogleError) -> JSONValue {
        let transaction = try use(body[at: "readOptions", "transaction"])
        var found: [JSONValue] = []
        var missing: [JSONValue] = []
        for key in body[at: "keys"].elements {
            let key = try Self.normalized(key)
            let stored = entities[key]
            if let transaction { transactions[transaction]?.seen[key] = stored?.version ?? 0 }
            if let stored {
                found.append(["entity": stored.entity, "version": .string(String(stored.version))])
            } else {
                missing.append(["entity": ["key": key], "version": .string(String(version))])
            }
        }
        var answer: JSONValue = [:]
        if !found.isEmpty { answer[at: "found"] = .array(found) }
        if !missing.isEmpty { answer[at: "missing"] = .array(missing) }
        return answer
    }

    private func runQuery(_ body: JSONValue) throws(GoogleError) -> JSONValue {
        let query = body[at: "query"]
        guard let kind = query[at: "kind"].elements.first?[at: "name"].string, query[at: "kind"].elements.count == 1
        else {
            throw Self.invalid("a query needs one kind")
        }
        let namespace = body[at: "partitionId", "namespaceId"]
        var matching: [Stored] = []
        for stored in entities.values {
            let key = stored.entity[at: "key"]
            guard key[at: "partitionId", "namespaceId"] == namespace,
                key[at: "path"].elements.last?[at: "kind"].string == kind,
                try Self.matches(stored.entity, query[at: "filter"])
            else { continue }
            matching.append(stored)
        }
        let order = query[at: "order"].elements.first
        let sorted = matching.sorted { left, right in
            if let name = order?[at: "property", "name"].string {
                let values = (left.entity[at: "properties", name], right.entity[at: "properties", name])
                if let comparison = Self.compare(values.0, values.1), comparison != 0 {
                    return order?[at: "direction"] == "DESCENDING" ? comparison > 0 : comparison < 0
                }
            }
            return "\(left.entity[at: "key"])" < "\(right.entity[at: "key"])"
        }
        let start = query[at: "startCursor"].string.flatMap { Int($0) } ?? 0
        var limit = Int.max
        if let number = query[at: "limit"].number { limit = Int(number) }
        let page = sorted.dropFirst(start).prefix(min(limit, pageSize))
        let isLast = start + page.count >= sorted.count
        return [
            "batch": [
                "entityResultType": "FULL",
                "entityResults": .array(
                    page.map { ["entity": $0.entity, "version": .string(String($0.version)), "cursor": "x"] }),
                "endCursor": .string(String(start + page.count)),
                "moreResults": .string(
                    isLast ? "NO_MORE_RESULTS" : page.count == limit ? "MORE_RESULTS_AFTER_LIMIT" : "NOT_FINISHED"),
            ]
        ]
    }

    private static func matches(_ entity: JSONValue, _ filter: JSONValue) throws(GoogleError) -> Bool {
        guard filter != .null else { return true }
        let part = filter[at: "propertyFilter"]
        guard let name = part[at: "property", "name"].string, let operation = part[at: "op"].string else {
            throw invalid("only property filters are known")
        }
        let value = entity[at: "properties", name]
        // What is not indexed is not found.
        guard value != .null, value[at: "excludeFromIndexes"] != true, let order = compare(value, part[at: "value"])
        else {
            return false
        }
        switch operation {
        case "EQUAL": return order == 0
        case "LESS_THAN": return order < 0
        case "GREATER_THAN": return order > 0
        default: throw invalid("Unsupported operator \(operation)")
        }
    }

    private static func compare(_ left: JSONValue, _ right: JSONValue) -> Int? {
        if let left = left[at: "stringValue"].string, let right = right[at: "stringValue"].string {
            return left == right ? 0 : left < right ? -1 : 1
        }
        if let left = left[at: "integerValue"].string.flatMap({ Int($0) }),
            let right = right[at: "integerValue"].string.flatMap({ Int($0) })
        {
            return left == right ? 0 : left < right ? -1 : 1
        }
        return nil
    }

    // MARK: Transactions

    private mutating func begin(_ body: JSONValue) -> JSONValue {
        begun += 1
        let id = "transaction-\(begun)"
        let isReadOnly = body[at: "transactionOptions", "readOnly"] != .null
        transactions[id] = Transaction(isReadOnly: isReadOnly)
        return ["transaction": .string(id)]
    }

    private func use(_ id: JSONValue) throws(GoogleError) -> String? {
        guard let id = id.string else { return nil }
        guard transactions[id] != nil else {
            throw Self.invalid(closed.contains(id) ? "transaction closed" : "Invalid transaction.")
        }
        return id
    }

    private mutating func close(_ id: String) -> Transaction? {
        closed.insert(id)
        return transactions.removeValue(forKey: id)
    }

    private mutating func rollback(_ body: JSONValue) throws(GoogleError) -> JSONValue {
        guard let id = try use(body[at: "transaction"]) else { throw Self.invalid("No transaction specified.") }
        _ = close(id)
        return [:]
    }

    private mutating func commit(_ body: JSONValue) throws(GoogleError) -> JSONValue {
        let mutations = body[at: "mutations"].elements
        if let id = try use(body[at: "transaction"]), let transaction = close(id) {
            guard transaction.seen.allSatisfy({ (entities[$0]?.version ?? 0) == $1 }) else {
                throw .canonical(
                    409, "ABORTED", "too much contention on these datastore entities. please try again.")
            }
            guard !transaction.isReadOnly || mutations.isEmpty else {
                throw Self.invalid("Cannot modify entities in a read-only transaction.")
            }
        } else if body[at: "mode"] != "NON_TRANSACTIONAL" {
            throw Self.invalid("No transaction specified.")
        }
        var changed = entities
        var results: [JSONValue] = []
        version += 1
        for mutation in mutations {
            try apply(mutation, to: &changed)
            results.append(["version": .string(String(version))])
        }
        entities = changed
        return ["mutationResults": .array(results), "indexUpdates": .whole(mutations.count)]
    }

    private func apply(_ mutation: JSONValue, to entities: inout [JSONValue: Stored]) throws(GoogleError) {
        guard mutation.members.count == 1, let (operation, content) = mutation.members.first else {
            throw Self.invalid("Payload isn't valid for request.")
        }
        if operation == "delete" {
            entities[try Self.normalized(content)] = nil
            return
        }
        let key = try Self.normalized(content[at: "key"])
        for (name, value) in content[at: "properties"].members { try Self.check(value, name) }
        switch operation {
        case "insert" where entities[key] != nil: throw .canonical(409, "ALREADY_EXISTS", "entity already exists")
        case "update" where entities[key] == nil: throw .canonical(404, "NOT_FOUND", "no entity to update")
        case "insert", "update", "upsert":
            var entity = content
            entity[at: "key"] = key
            entities[key] = Stored(entity: entity, version: version)
        default: throw Self.invalid("Payload isn't valid for request.")
        }
    }

    /// Kinds of values are known, whole numbers are texts, and an indexed text has at most 1,500 bytes.
    private static func check(_ value: JSONValue, _ name: String) throws(GoogleError) {
        let kinds: Set = [
            "nullValue", "booleanValue", "integerValue", "doubleValue", "stringValue", "timestampValue", "blobValue",
            "keyValue", "arrayValue", "entityValue", "geoPointValue",
        ]
        let members = value.members.keys.filter { $0 != "excludeFromIndexes" && $0 != "meaning" }
        guard members.count == 1, let kind = members.first, kinds.contains(kind) else {
            throw invalid("Payload isn't valid for request.")
        }
        if kind == "integerValue", value[at: kind].string == nil { throw invalid("Payload isn't valid for request.") }
        if let text = value[at: kind].string, kind == "stringValue", text.utf8.count > 1_500,
            value[at: "excludeFromIndexes"] != true
        {
            throw invalid("The value of property \"\(name)\" is longer than 1500 bytes.")
        }
        for (inner, member) in value[at: kind, "properties"].members { try check(member, "\(name).\(inner)") }
        for member in value[at: kind, "values"].elements { try check(member, name) }
    }
}
