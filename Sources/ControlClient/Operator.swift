package import JSONValues
package import NIOHTTP1

/// What the commands of `drover ctl` do, apart from reading their options.
package struct Operator: Sendable {
    /// Where words go and come from.
    package struct Terminal: Sendable {
        /// Writes to standard output.
        package var say: @Sendable (String) -> Void
        /// Asks a yes-or-no question; false where nobody can answer.
        package var ask: @Sendable (String) -> Bool

        /// Asks for a word; nil where nobody can answer.
        package var read: @Sendable (String) -> String?

        /// Makes a terminal.
        package init(
            say: @escaping @Sendable (String) -> Void, ask: @escaping @Sendable (String) -> Bool,
            read: @escaping @Sendable (String) -> String? = { _ in nil }
        ) {
            self.say = say
            self.ask = ask
            self.read = read
        }
    }

    let client: APIClient
    let presentation: Presentation
    let terminal: Terminal

    /// Makes an operator.
    package init(client: APIClient, presentation: Presentation, terminal: Terminal) {
        self.client = client
        self.presentation = presentation
        self.terminal = terminal
    }

    /// Shows what a call answers.
    /// - Throws: `ControlError`.
    package func show(
        _ path: String, query: [(String, String?)] = [], columns: [Presentation.Column]
    ) async throws(ControlError) {
        let answer = try await client.call(.GET, path, query: query)
        terminal.say(presentation.text(answer.body, columns))
    }

    /// Shows a list to its end, page by page; `cursor` is the parameter that takes a page's `next`.
    /// - Throws: `ControlError`.
    package func showAll(
        _ path: String, query: [(String, String?)] = [], cursor: String, limit: Int, columns: [Presentation.Column]
    ) async throws(ControlError) {
        var items: [JSONValue] = []
        var next: String?
        repeat {
            let page = try await client.call(
                .GET, path, query: query + [("limit", "\(min(500, limit - items.count))"), (cursor, next)])
            items += page.body["items"]?.elements ?? []
            next = page.body["next"]?.string ?? page.body["next"]?.integer.map { "\($0)" }
        } while next != nil && items.count < limit
        terminal.say(presentation.text(["items": .array(items)], columns))
    }

    /// The group that manages the replica `name`, or that let go of it.
    /// - Throws: `ControlError`; `.failed` when there is none.
    package func group(ofReplica name: String) async throws(ControlError) -> String {
        var next: String?
        repeat {
            let page = try await client.call(.GET, "/v1/groups", query: [("limit", "500"), ("after", next)])
            for group in page.body["items"]?.elements ?? [] {
                let known = (group["replicas"]?.elements ?? []) + (group["leftReplicas"]?.elements ?? [])
                if known.contains(where: { $0["name"]?.string == name }), let found = group["name"]?.string {
                    return found
                }
            }
            next = page.body["next"]?.string
        } while next != nil
        throw ControlError(.failed, "no database has a replica \(name) that Drover manages or let go of")
    }

    /// Makes a change: shows what it would do, asks, and makes it only if the group is still what was looked at. As
    /// JSON or YAML, one document is said: the group afterwards, or the preview when nothing was changed.
    ///
    /// What deletes instances of Cloud SQL needs more than a yes: the group's name, typed, or with a consent that was
    /// given beforehand `deletesReplicas`.
    ///
    /// - Parameter makes: whether the group must not be there yet.
    /// - Returns: false when there was nothing to do.
    /// - Throws: `ControlError`; `.differs` when the answer was no, or in a dry run with differences.
    @discardableResult
    package func change(
        _ group: String, _ method: HTTPMethod, _ path: String, body: JSONValue?, query: [(String, String?)] = [],
        makes: Bool = false, consent: Consent, deletesReplicas: Bool = false
    ) async throws(ControlError) -> Bool {
        let change = Change(group: group, method: method, path: path, query: query, body: body)
        let found = try await look(at: change, makes: makes)
        let isTable = presentation == .table
        guard !found.lines.isEmpty else {
            tell(nothingOf: found)
            return false
        }
        if isTable { terminal.say(found.differences) }
        if case .withheld = consent {
            if !isTable { terminal.say(presentation.text(found.preview, [])) }
            throw ControlError(.differs, "\(group) differs, and nothing was changed")
        }
        // What programs read stays what they can read: people are shown the differences with the question.
        let question = (isTable ? "" : found.differences) + "\(found.verb) \(group)"
        try agree(to: question, [found], consent, deletesReplicas: deletesReplicas)
        tell(answer: try await carryOut(found), of: found)
        return true
    }

    /// What would be done to a group.
    struct Change: Sendable {
        var group: String
        var method: HTTPMethod
        var path: String
        var query: [(String, String?)]
        var body: JSONValue?
    }

    /// A change as it was looked at, before anything is written.
    struct Found: Sendable {
        var change: Change
        /// Whether there was no such group.
        var isNew: Bool
        /// The version that was looked at.
        var tag: String?
        var preview: JSONValue
        /// One for each difference; none when there is nothing to do.
        var lines: [String]

        /// The Cloud SQL instances that are deleted.
        var deleted: [String] { PreviewText.deleted(preview) }

        /// For people.
        var differences: String {
            let told =
                [PreviewText.deletion(preview)].compactMap { $0.map { "! \($0)" } } + PreviewText.warnings(preview)
                + lines
            return (["\(change.group): \(isNew ? "new" : "changes")"] + told.map { "  \($0)" }).joined(separator: "\n")
                + "\n"
        }

        /// What is done to the group.
        var verb: String {
            if isNew { return "register" }
            return change.method == .DELETE ? "remove" : change.method == .POST ? "roll back" : "change"
        }
    }

    /// Looks at what a change would do.
    func look(at change: Change, makes: Bool = false) async throws(ControlError) -> Found {
        let present = try await client.exchange(.GET, "/v1/groups/\(APIClient.escaped(change.group))")
        guard [200, 404].contains(present.status) else { throw APIClient.refusal(present, "reading \(change.group)") }
        guard !makes || present.status == 404 else {
            throw ControlError(
                .failed,
                "there is a database \(change.group) already, and nothing was changed: 'drover ctl databases modify "
                    + "\(change.group)' changes parts of it, 'drover ctl apply' makes it what a file says")
        }
        let preview = try await client.call(
            change.method, change.path, query: change.query + [("dryRun", "true")], body: change.body)
        return Found(
            change: change, isNew: present.status == 404, tag: present.tag, preview: preview.body,
            lines: PreviewText.lines(preview.body))
    }

    /// Makes a change that was shown. A group that the scaler has meanwhile saved is looked at again: as long as the
    /// same change would come of it, it is what was agreed to; a `hold` counts from now, so its moment differs each time.
    func carryOut(_ found: Found, isHold: Bool = false) async throws(ControlError) -> APIClient.Answer {
        let change = found.change
        var found = found
        for _ in 0..<Self.repeats {
            let answer = try await client.exchange(
                change.method, change.path, query: change.query, body: change.body, ifMatch: found.tag,
                ifAbsent: found.isNew)
            guard answer.status == 412 else {
                guard (200..<300).contains(answer.status) else {
                    throw APIClient.refusal(answer, "\(change.method.rawValue) \(change.path)")
                }
                return answer
            }
            let again = try await look(at: change)
            guard !again.isNew, !found.isNew, isHold || again.lines == found.lines, again.deleted == found.deleted
            else {
                break
            }
            found = again
        }
        return try await client.call(
            change.method, change.path, query: change.query, body: change.body, ifMatch: found.tag,
            ifAbsent: found.isNew)
    }

    /// What programs read is one document, also of several groups.
    func say(_ documents: [JSONValue]) {
        let items: JSONValue = ["items": .array(documents)]
        terminal.say(presentation.text(documents.count == 1 ? documents[0] : items, []))
    }

    func tell(nothingOf found: Found) {
        terminal.say(
            presentation == .table
                ? "\(found.change.group): nothing to do\n" : presentation.text(found.preview, []))
    }

    func tell(answer: APIClient.Answer, of found: Found) {
        terminal.say(
            presentation == .table
                ? "\(found.change.group): generation "
                    + "\(answer.body["generation"].map { Presentation.shown($0) } ?? "?")\n"
                : presentation.text(answer.body, []))
    }

    private static let repeats = 5

    /// Asks whether what was shown is to be done.
    /// - Throws: `.differs` without a yes, or without what more a deletion of instances needs.
    func agree(
        to question: String, _ due: [Found], _ consent: Consent, deletesReplicas: Bool
    ) throws(ControlError) {
        let instances = due.flatMap(\.deleted)
        let how = "--yes answers the question beforehand"
        guard !instances.isEmpty else {
            if case .asked = consent, !terminal.ask("\(question)?") {
                throw ControlError(.differs, "nothing was changed; \(how)")
            }
            return
        }
        if case .given = consent {
            guard deletesReplicas else {
                throw ControlError(
                    .differs,
                    "this deletes Cloud SQL instances (\(instances.joined(separator: ", "))), which --yes alone does not "
                        + "allow, and nothing was changed; add --delete-replicas")
            }
            return
        }
        let groups = due.filter { !$0.deleted.isEmpty }.map(\.change.group)
        let count = "\(instances.count) Cloud SQL instance\(instances.count == 1 ? "" : "s")"
        let names = groups.count == 1 ? "the group's name" : "\(groups.joined(separator: ", "))"
        let answer = terminal.read("\(question) and DELETE \(count)? Type \(names) to agree: ")
        guard answer == groups.joined(separator: ", ") else {
            throw ControlError(.differs, "nothing was changed; \(how) together with --delete-replicas")
        }
    }

    /// Whether a change may be made once it was shown.
    package enum Consent: Sendable {
        /// Yes.
        case given
        /// No: a dry run.
        case withheld
        /// The person at the terminal is asked.
        case asked

        /// From the two flags.
        package init(yes: Bool, dryRun: Bool) {
            self = dryRun ? .withheld : yes ? .given : .asked
        }
    }

    /// Pins the size of a group, at once where that deletes nothing; else what is deleted is shown and agreed to first.
    /// - Throws: `ControlError`; `.differs` when the answer was no, or in a dry run.
    package func pin(
        _ group: String, _ body: JSONValue, done: String, consent: Consent, deletesReplicas: Bool = false
    ) async throws(ControlError) {
        let path = "/v1/groups/\(APIClient.escaped(group))/pin"
        let change = Change(group: group, method: .POST, path: path, query: [], body: body)
        let found = try await look(at: change)
        let isTable = presentation == .table
        if case .withheld = consent {
            terminal.say(isTable ? found.differences : presentation.text(found.preview, []))
            throw ControlError(.differs, "\(group) would be pinned, and nothing was changed")
        }
        if !found.deleted.isEmpty {
            if isTable { terminal.say(found.differences) }
            let question = (isTable ? "" : found.differences) + "pin \(group)"
            try agree(to: question, [found], consent, deletesReplicas: deletesReplicas)
        }
        let answer = try await carryOut(found, isHold: true)
        terminal.say(isTable ? "\(done)\n" : presentation.text(answer.body, []))
    }

    /// Sends a change that needs no look beforehand and says what became of it.
    /// - Throws: `ControlError`.
    package func order(
        _ method: HTTPMethod, _ path: String, body: JSONValue?, done: String
    ) async throws(ControlError) {
        let answer = try await client.call(method, path, body: body)
        switch presentation {
        case .table: terminal.say("\(done)\n")
        case .json, .yaml: terminal.say(presentation.text(answer.body, []))
        }
    }
}
