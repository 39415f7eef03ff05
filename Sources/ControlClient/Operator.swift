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
    /// What deletes instances of Cloud SQL needs more than a yes: the group's name, typed, or with a consent that was given
    /// beforehand `deletesReplicas`.
    ///
    /// - Returns: false when there was nothing to do.
    /// - Throws: `ControlError`; `.differs` when the answer was no, or in a dry run with differences.
    @discardableResult
    package func change(
        _ group: String, _ method: HTTPMethod, _ path: String, body: JSONValue?, query: [(String, String?)] = [],
        consent: Consent, deletesReplicas: Bool = false
    ) async throws(ControlError) -> Bool {
        let present = try await client.exchange(.GET, "/v1/groups/\(APIClient.escaped(group))")
        guard [200, 404].contains(present.status) else { throw APIClient.refusal(present, "reading \(group)") }
        let preview = try await client.call(method, path, query: query + [("dryRun", "true")], body: body)
        let lines = PreviewText.lines(preview.body)
        let isTable = presentation == .table
        guard !lines.isEmpty else {
            terminal.say(isTable ? "\(group): nothing to do\n" : presentation.text(preview.body, []))
            return false
        }
        let isNew = present.status == 404
        let told =
            [PreviewText.deletion(preview.body)].compactMap { $0.map { "! \($0)" } }
            + PreviewText.warnings(preview.body) + lines
        let differences =
            (["\(group): \(isNew ? "new" : "changes")"] + told.map { "  \($0)" }).joined(separator: "\n") + "\n"
        if isTable { terminal.say(differences) }
        if case .withheld = consent {
            if !isTable { terminal.say(presentation.text(preview.body, [])) }
            throw ControlError(.differs, "\(group) differs, and nothing was changed")
        }
        // What programs read stays what they can read: people are shown the differences with the question.
        let question = (isTable ? "" : differences) + "\(Self.verb(method, isNew: isNew)) \(group)"
        try agree(to: question, of: group, consent, preview.body, deletesReplicas: deletesReplicas)
        let answer = try await carryOut(
            group, method, path, query, body, shown: lines + PreviewText.deleted(preview.body), tag: present.tag)
        terminal.say(
            isTable
                ? "\(group): generation \(answer.body["generation"].map { Presentation.shown($0) } ?? "?")\n"
                : presentation.text(answer.body, []))
        return true
    }

    /// Makes a change that was shown. A group that the scaler has meanwhile saved is looked at again: as long as the
    /// same change would come of it, it is what was agreed to.
    private func carryOut(
        _ group: String, _ method: HTTPMethod, _ path: String, _ query: [(String, String?)], _ body: JSONValue?,
        shown lines: [String], tag: String?
    ) async throws(ControlError) -> APIClient.Answer {
        var tag = tag
        for _ in 0..<Self.repeats {
            let answer = try await client.exchange(method, path, query: query, body: body, ifMatch: tag)
            guard answer.status == 412 else {
                guard (200..<300).contains(answer.status) else {
                    throw APIClient.refusal(answer, "\(method.rawValue) \(path)")
                }
                return answer
            }
            let present = try await client.exchange(.GET, "/v1/groups/\(APIClient.escaped(group))")
            let preview = try await client.call(method, path, query: query + [("dryRun", "true")], body: body)
            guard present.status == 200, PreviewText.lines(preview.body) + PreviewText.deleted(preview.body) == lines
            else { break }
            tag = present.tag
        }
        return try await client.call(method, path, query: query, body: body, ifMatch: tag)
    }

    private static let repeats = 5

    private static func verb(_ method: HTTPMethod, isNew: Bool) -> String {
        if isNew { return "register" }
        return method == .DELETE ? "remove" : method == .POST ? "roll back" : "change"
    }

    /// - Throws: `.differs` without a yes, or without what more a deletion of instances needs.
    private func agree(
        to question: String, of group: String, _ consent: Consent, _ preview: JSONValue, deletesReplicas: Bool
    ) throws(ControlError) {
        let instances = PreviewText.deleted(preview)
        let how = "--yes answers the question beforehand"
        guard !instances.isEmpty else {
            if case .asked = consent, !terminal.ask("\(question)?") {
                throw ControlError(.differs, "nothing was changed; \(how)")
            }
            return
        }
        let names = instances.joined(separator: ", ")
        if case .given = consent {
            guard deletesReplicas else {
                throw ControlError(
                    .differs,
                    "this deletes Cloud SQL instances (\(names)), which --yes alone does not allow, and nothing was changed; "
                        + "add --delete-replicas")
            }
            return
        }
        let count = "\(instances.count) Cloud SQL instance\(instances.count == 1 ? "" : "s")"
        let answer = terminal.read("\(question) and DELETE \(count)? Type the group's name to agree: ")
        guard answer == group else {
            throw ControlError(
                .differs, "nothing was changed; \(how) together with --delete-replicas")
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

    /// Makes the groups what `file` says of them; others are left alone.
    /// - Throws: `ControlError`; in a dry run only after every group was looked at.
    package func apply(
        _ file: DatabaseFile, query: [(String, String?)] = [], consent: Consent, deletesReplicas: Bool = false
    ) async throws(ControlError) {
        var differing: [String] = []
        for (name, document) in file.groups {
            do throws(ControlError) {
                try await change(
                    name, .PUT, "/v1/groups/\(APIClient.escaped(name))", body: document,
                    query: query, consent: consent, deletesReplicas: deletesReplicas)
            } catch {
                guard error.kind == .differs, case .withheld = consent else { throw error }
                differing.append(name)
            }
        }
        guard differing.isEmpty else {
            throw ControlError(
                .differs,
                "\(differing.joined(separator: ", ")) \(differing.count == 1 ? "differs" : "differ"), and nothing was changed"
            )
        }
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
