import FakeGoogle
import FleetModel
import JSONValues
import NIOHTTP1
import Pacing

// What the scenes of the story have in common.

extension ReplicasStory {
    var sqlURL: String { endpoints.cloudsql + "/v1/projects/\(Sandbox.project)" }

    /// Looks until `fact` holds, telling every two seconds that it still does not.
    /// - Throws: `SandboxError` after `seconds`.
    func until(_ sentence: String, seconds: Double, _ fact: () async throws -> Bool) async throws {
        let start = wallClock.now()
        var told = start
        while true {
            do {
                if try await fact() { return narrator.check(true, sentence) }
            } catch {
                try Task.checkCancellation()
                guard wallClock.now().since(start) < .seconds(seconds) else { throw error }
            }
            let now = wallClock.now()
            guard now.since(start) < .seconds(seconds) else {
                narrator.check(false, sentence)
                throw SandboxError("waited \(Int(seconds)) s in vain: \(sentence)")
            }
            if now.since(told) >= .seconds(2) {
                told = now
                narrator.wait("\(sentence): not yet, after \(now.since(start).wholeMilliseconds / 1_000) s")
            }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    /// The replicas of ours that Cloud SQL has.
    func managed() async throws -> [JSONValue] {
        try await http.call(.GET, sqlURL + "/instances?filter=settings.userLabels.chester:true")[at: "items"].elements
    }

    /// The newest operation of a type, or `.null`.
    func newestOperation(_ type: String) async throws -> JSONValue {
        try await http.call(.GET, sqlURL + "/operations")[at: "items"].elements
            .first { $0[at: "operationType"].string == type } ?? .null
    }

    func waitForCreation(of number: Int) async throws {
        let patience = options.cooldownSeconds + options.operationSeconds + 60
        try await until("Cloud SQL is asked for replica number \(number)", seconds: patience) {
            try await managed().count >= number
        }
    }

    func setConnections(_ address: String, _ count: Int) async throws {
        for node in endpoints.proxysql {
            _ = try await http.call(
                .POST, endpoints.control + "/v1/proxysql/\(node.name)/connections",
                ["address": .string(address), "count": .whole(count)])
        }
    }

    /// Sends the webhook's JSON, as Cloud Monitoring does (version 1.2).
    func alert(_ action: String, _ state: String, id: String) async throws {
        let content =
            "{\"replica_basename\":\"\(Sandbox.primary)-ro-\",\"sql_master_instance\":\"\(Sandbox.primary)\","
            + "\"action\":\"\(action)\"}"
        let seconds = Double(wallClock.now().secondsSinceEpoch)
        let body: JSONValue = [
            "version": "1.2",
            "incident": [
                "incident_id": .string(id), "state": .string(state), "started_at": .number(seconds),
                "ended_at": state == "closed" ? .number(seconds) : .null,
                "policy_name": .string("\(action)_sql_replica"), "observed_value": "812.0", "threshold_value": "800",
                "scoping_project_id": .string(Sandbox.project), "severity": "Warning",
                "documentation": ["content": .string(content), "mime_type": "text/markdown"],
            ],
        ]
        // A webhook that gets no 200 is sent again, which is why the story survives a kill of `drover serve`.
        let answer = try await retried { try await http.call(.POST, endpoints.ingest + "/", body) }
        narrator.tell(
            "alert", "alert \(id) (\(action)) is \(state)", ["change": answer[at: "change"], "action": .string(action)])
    }

    func checkIncident(_ id: String, state: String) async throws {
        let stored = try await incident(id)
        narrator.check(stored[at: "state"].string == state, "incident \(id) is durable, and \(state)")
    }

    func incident(_ id: String) async throws -> JSONValue {
        try await retried { try await http.call(.GET, endpoints.api + "/v1/incidents") }[at: "items"].elements
            .first { $0[at: "id"].string == id } ?? .null
    }

    /// Tries again for as long as `drover serve` may need to be started again.
    func retried<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let start = wallClock.now()
        while true {
            do {
                return try await body()
            } catch {
                try Task.checkCancellation()
                guard wallClock.now().since(start) < .seconds(15) else { throw error }
                try await clock.sleep(for: .milliseconds(100))
            }
        }
    }

    func marks() async throws -> [String: FleetReader.Marks] {
        var marks: [String: FleetReader.Marks] = [:]
        for node in endpoints.proxysql { marks[node.name] = try await fleet.marks(of: node) }
        return marks
    }

    /// Only the servers were loaded since `before`, and no node was restarted.
    func checkUntouched(_ before: [String: FleetReader.Marks]) async throws {
        for (name, now) in try await marks().sorted(by: { $0.key < $1.key }) {
            guard let then = before[name] else { continue }
            narrator.check(now.uptime >= then.uptime, "\(name) was not restarted")
            let moved = now.versions.filter { then.versions[$0.key] != $0.value }.keys.sorted()
            narrator.check(
                moved.allSatisfy { $0.hasPrefix("mysql_servers") },
                "\(name) loaded nothing but servers", ["moved": .array(moved.map { .string($0) })])
        }
    }

    /// Nothing happens for longer than the cooldown.
    func checkQuiet(count: Int) async throws {
        let quiet = options.cooldownSeconds + 2
        narrator.tell("quiet", "no alert is open; watching for \(Int(quiet)) s that nothing more happens")
        let operations = try await http.call(.GET, sqlURL + "/operations")[at: "items"].elements.count
        let end = wallClock.now().advanced(by: .seconds(quiet))
        while wallClock.now() < end {
            let left = end.since(wallClock.now())
            try await clock.sleep(for: min(.seconds(2), max(left, .milliseconds(1))))
            if wallClock.now() < end { narrator.wait("still quiet") }
        }
        let after = try await http.call(.GET, sqlURL + "/operations")[at: "items"].elements.count
        let managed = try await managed().count
        narrator.check(after == operations && managed == count, "nothing more happened: \(count) replica(s) of ours")
    }

    func checkCleared(_ names: [String]) async throws {
        for id in names.map({ "0-demo-\($0)" }) {
            try await until("incident \(id) is cleared", seconds: 30) {
                try await incident(id)[at: "lastProcess"].string == "clear"
            }
        }
    }
}
