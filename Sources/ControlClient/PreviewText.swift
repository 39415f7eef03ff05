package import JSONValues

/// A dry run's answer for people.
package enum PreviewText {
    /// One line for each difference; empty when there is none.
    package static func lines(_ preview: JSONValue) -> [String] {
        let foreign = foreignRows(preview)
        guard preview["changed"] == true else { return foreign }
        let effects = (preview["effects"]?.elements ?? []).compactMap(\.string)
        var lines = effects.map { "! \($0)" } + (preview["rows"]?.elements ?? []).map(row) + foreign
        lines += differences(preview["before"]?["policy"], preview["after"]?["policy"], at: "policy")
        let (before, after) = (preview["before"]?["primaryInstance"], preview["after"]?["primaryInstance"])
        if before != nil, after != nil { lines += differences(before, after, at: "primaryInstance") }
        return lines.isEmpty ? ["~ something that is not shown"] : lines
    }

    /// What a person should know before the answer to the question; it may differ from one look to the next.
    package static func warnings(_ preview: JSONValue) -> [String] {
        (preview["warnings"]?.elements ?? []).compactMap(\.string).map { "! warning: \($0)" }
    }

    /// The Cloud SQL instances that are deleted.
    package static func deleted(_ preview: JSONValue) -> [String] {
        (preview["deletes"]?.elements ?? []).compactMap { $0["instance"]?.string }
    }

    /// The same for people; nil for none.
    package static func deletion(_ preview: JSONValue) -> String? {
        let all = preview["deletes"]?.elements ?? []
        guard !all.isEmpty else { return nil }
        let shown = all.map { one in
            let use = one["connectionsInUse"]?.integer.map { ", \($0) connection\($0 == 1 ? "" : "s")" } ?? ""
            let state = one["state"]?.string ?? ""
            return "\(one["instance"]?.string ?? "?") (\(state == "serving" ? "now serving" : "now \(state)")\(use))"
        }
        return "DELETES Cloud SQL instances: \(shown.joined(separator: ", "))"
    }

    /// What is in the way, or what is taken over, a line for each row.
    private static func foreignRows(_ preview: JSONValue) -> [String] {
        var nodes: [String: [String]] = [:]
        for row in preview["foreignRows"]?.elements ?? [] {
            let key = (row["key"]?.elements ?? []).map { Presentation.shown($0) }.joined(separator: " ")
            let owner = row["owner"]?.string.map { "marked as \($0)'s" } ?? "without Drover's mark"
            nodes["\(row["table"]?.string ?? "") \(key) (\(owner))", default: []].append(row["node"]?.string ?? "")
        }
        let adopts = preview["adopts"] == true
        return nodes.sorted { $0.key < $1.key }.map { row, nodes in
            "! \(row) on \(nodes.joined(separator: ", ")) is somebody else's: "
                + (adopts ? "it is taken over" : "refused without --adopt")
        }
    }

    private static func row(_ row: JSONValue) -> String {
        let key = (row["key"]?.elements ?? []).map { Presentation.shown($0) }.joined(separator: " ")
        let name = "\(row["table"]?.string ?? "") \(key)"
        switch row["action"]?.string {
        case "insert": return "+ \(name)\(columns(row, "after"))"
        case "delete": return "- \(name)"
        default:
            let changes = (row["columns"]?.members ?? [:]).sorted { $0.key < $1.key }.map {
                "\($0.key) \(Presentation.shown($0.value["before"])) -> \(Presentation.shown($0.value["after"]))"
            }
            return "~ \(name): \(changes.joined(separator: ", "))"
        }
    }

    private static let usual: Set<String> = [
        "gtid_port", "compression", "max_replication_lag", "max_latency_ms", "backend", "frontend", "comment",
    ]
    /// What the key of a row is made of.
    private static let keys: [String: Set<String>] = [
        "mysql_servers": ["hostgroup_id", "hostname", "port"], "mysql_users": ["username"],
        "mysql_query_rules": ["rule_id"],
    ]

    private static func columns(_ row: JSONValue, _ side: String) -> String {
        let key = keys[row["table"]?.string ?? ""] ?? []
        let told = (row["columns"]?.members ?? [:]).filter { !usual.contains($0.key) && !key.contains($0.key) }
        let shown = told.sorted { $0.key < $1.key }.map {
            "\($0.key)=\(Presentation.shown($0.value[side]))"
        }
        return shown.isEmpty ? "" : ": \(shown.joined(separator: " "))"
    }

    private static func differences(_ before: JSONValue?, _ after: JSONValue?, at path: String) -> [String] {
        guard before != after else { return [] }
        if case .object(let old)? = before, case .object(let new)? = after {
            return Set(old.keys).union(new.keys).sorted().flatMap {
                differences(old[$0], new[$0], at: "\(path).\($0)")
            }
        }
        guard before != nil, before != .null else { return after == nil || after == .null ? [] : ["+ \(path)"] }
        guard after != nil, after != .null else { return ["- \(path)"] }
        return ["~ \(path): \(Presentation.shown(before)) -> \(Presentation.shown(after))"]
    }
}
