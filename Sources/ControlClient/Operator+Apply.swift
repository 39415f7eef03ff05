import JSONValues
import NIOHTTP1

extension Operator {
    /// Makes the groups what `file` says of them; others are left alone. All of them are looked at before one question
    /// is asked, so that what is refused is known while nothing is written.
    /// - Throws: `ControlError`; a failure among several says what was written before it.
    package func apply(
        _ file: DatabaseFile, query: [(String, String?)] = [], consent: Consent, deletesReplicas: Bool = false
    ) async throws(ControlError) {
        let plan = try await plan(file, query)
        let isTable = presentation == .table
        let due = plan.filter { !$0.lines.isEmpty }
        if isTable {
            for found in plan {
                if found.lines.isEmpty { tell(nothingOf: found) } else { terminal.say(found.differences) }
            }
            if plan.count > 1 { terminal.say("\(Self.summary(plan))\n") }
        }
        guard !due.isEmpty else {
            if !isTable { say(plan.map(\.preview)) }
            return
        }
        let names = due.map(\.change.group).joined(separator: ", ")
        if case .withheld = consent {
            if !isTable { say(plan.map(\.preview)) }
            throw ControlError(
                .differs, "\(names) \(due.count == 1 ? "differs" : "differ"), and nothing was changed")
        }
        // What programs read stays what they can read: people are shown the differences with the question.
        let shown = isTable ? "" : due.map(\.differences).joined()
        let verb = due.count == 1 ? due[0].verb : "change"
        let what = plan.count == 1 ? "\(verb) \(names)" : "\(Self.summary(plan)); \(verb) \(names)"
        try agree(to: shown + what, due, consent, deletesReplicas: deletesReplicas)
        try await write(due, beside: plan.filter(\.lines.isEmpty).map(\.preview))
    }

    /// Looks at every group.
    /// - Throws: everything that is refused, at once.
    private func plan(_ file: DatabaseFile, _ query: [(String, String?)]) async throws(ControlError) -> [Found] {
        var plan: [Found] = []
        var refused: [ControlError] = []
        for (name, document) in file.groups {
            do throws(ControlError) {
                plan.append(
                    try await look(
                        at: Change(
                            group: name, method: .PUT, path: "/v1/groups/\(APIClient.escaped(name))",
                            query: query, body: document)))
            } catch {
                guard error.kind == .failed, file.groups.count > 1 else { throw error }
                refused.append(ControlError(.failed, "\(name): \(error.description)"))
            }
        }
        guard refused.isEmpty else {
            throw ControlError(
                .failed, "nothing was changed:\n" + refused.map(\.description).joined(separator: "\n"))
        }
        return plan
    }

    /// What was agreed to, one after the other; `unchanged` is said with it.
    private func write(_ due: [Found], beside unchanged: [JSONValue]) async throws(ControlError) {
        let isTable = presentation == .table
        var documents = unchanged
        for (index, found) in due.enumerated() {
            do throws(ControlError) {
                let answer = try await carryOut(found)
                if isTable { tell(answer: answer, of: found) }
                documents.append(answer.body)
            } catch {
                if !isTable, !documents.isEmpty { say(documents) }
                guard due.count > 1 else { throw error }
                let written = due[..<index].map(\.change.group).joined(separator: ", ")
                let left = due[(index + 1)...].map(\.change.group).joined(separator: ", ")
                throw ControlError(
                    error.kind,
                    "\(found.change.group) was not changed: \(error.description); "
                        + "changed before it: \(written.isEmpty ? "none" : written); "
                        + "not tried: \(left.isEmpty ? "none" : left)")
            }
        }
        if !isTable { say(documents) }
    }

    /// For example `3 to change, 1 new, 2 unchanged`.
    private static func summary(_ plan: [Found]) -> String {
        let new = plan.count { $0.isNew && !$0.lines.isEmpty }
        let unchanged = plan.count { $0.lines.isEmpty }
        let numbers = "\(plan.count - new - unchanged) to change, \(new) new, \(unchanged) unchanged"
        // Each is looked at as if it came alone.
        return new > 1 ? numbers + " (new ones get their hostgroups and rule ids when they are written)" : numbers
    }
}
