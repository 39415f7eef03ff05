import FleetModel
import ProxySQLAdmin

/// The status page: what there is, what is going on and why, without anything from outside.
struct StatusPage: Sendable {
    let state: StatusState

    /// The whole document.
    var document: HTML {
        let kinds = FleetEvent.Kind.allCases.map(\.rawValue).joined(separator: " ")
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Drover</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="/ui/style.css">
            <script src="/ui/page.js" defer></script>
            </head>
            <body>
            <a class="skip" href="#main">Skip to the content</a>
            <header>
            <h1>Drover</h1>
            <nav aria-label="Sections"><a href="#groups">Groups</a> <a href="#nodes">Nodes</a>
            <a href="#incidents">Incidents</a> <a href="#decisions">Decisions</a> <a href="#events">Events</a></nav>
            <p id="live" role="status">not live</p>
            </header>
            <main id="main" tabindex="-1" data-last="\(state.events.first?.id ?? 0)" data-kinds="\(kinds)">
            \(content)
            </main>
            </body>
            </html>

            """
    }

    /// What changes.
    var content: HTML {
        """
        \(summary)
        \(unknownGroups)
        <section id="groups" aria-labelledby="groups-title">
        <h2 id="groups-title">Groups</h2>
        \(state.groups.isEmpty ? Self.noGroups : HTML(state.groups.map(group)))
        \(Self.unshown(state.more, "groups"))
        </section>
        <section id="nodes" aria-labelledby="nodes-title">
        <h2 id="nodes-title">Nodes</h2>
        \(nodes)
        </section>
        <section id="incidents" aria-labelledby="incidents-title">
        <h2 id="incidents-title">Open incidents</h2>
        \(state.openIncidents == 0 ? Self.noIncidents : HTML(state.incidents.map(incident)))
        \(Self.unshown(state.openIncidents - state.incidents.count, "open incidents"))
        </section>
        <section id="decisions" aria-labelledby="decisions-title">
        <h2 id="decisions-title">Recent decisions</h2>
        \(decisions)
        </section>
        <section id="events" aria-labelledby="events-title">
        <h2 id="events-title">Recent events</h2>
        \(list(state.events.prefix(30)))
        </section>
        """
    }

    private static let noGroups: HTML = """
        <p class="empty">No database is registered. <code>drover ctl databases add</code> or <code>drover ctl apply -f \
        databases.yaml</code> registers one.</p>
        """
    private static let noIncidents: HTML = """
        <p class="empty">None: no alert asks for more or fewer replicas.</p>
        """

    /// Says what else there is. A function, because a literal that is interpolated counts as text and would be escaped.
    private static func unshown(_ number: Int, _ what: String) -> HTML {
        guard number > 0 else { return "" }
        return "<p>\(number) more \(what) are not shown.</p>"
    }

    /// What a person looks for first.
    private var summary: HTML {
        let replicas = state.groups.reduce(0) { $0 + $1.record.managedCount }
        let nodes = state.nodes
        let behind = nodes.count { node in node.holds.contains { !isCurrent($0.group, $0.entry, $0.node) } }
        func tile(_ number: Int, _ what: String, _ isBad: Bool = false) -> HTML {
            "<li class=\"\(isBad ? "bad" : "fine")\"><b>\(number)</b> \(number == 1 ? String(what.dropLast()) : what)</li>"
        }
        return """
            <ul class="summary">\(tile(state.groups.count + state.more, "databases"))\
            \(tile(replicas, "managed replicas"))\(tile(nodes.count, "nodes"))\
            \(tile(behind, behind == 1 ? "node behind " : "nodes behind", behind > 0))\
            \(tile(state.openIncidents, "open incidents", state.openIncidents > 0))</ul>
            <p class="time">As of \(state.now.rfc3339.prefix(10)) \(time(state.now))</p>
            """
    }

    /// Alerts from which nothing can come.
    private var unknownGroups: HTML {
        let unknown = state.incidents.filter { !state.registered.contains($0.group) }
        guard !unknown.isEmpty else { return "" }
        let names = state.registered.prefix(10).map(\.text).joined(separator: ", ")
        let more = state.registered.count > 10 ? " and \(state.registered.count - 10) more" : ""
        let known = names.isEmpty ? "No group is registered." : "Registered: \(names)\(more)."
        let items = unknown.prefix(20).map { incident in
            """
            <li><a href="#incident-\(incident.id)">Alert \(incident.policyName.isEmpty ? incident.id : incident.policyName)</a> \
            fires for group <b>\(incident.group)</b>, which is not registered: no replica comes of it.</li>

            """ as HTML
        }
        return """
            <div class="alarm" role="alert"><ul>\(HTML(items))</ul>
            <p>\(known) Register the group under that name, or name another in the alert policy's documentation.</p></div>
            """
    }

    // MARK: Groups

    private func group(_ group: StatusState.Group) -> HTML {
        let record = group.record
        let policy = record.policy
        return """
            <article class="card" aria-labelledby="group-\(record.name)">
            <h3 id="group-\(record.name)">\(record.name)</h3>
            <p class="note">\(record.managedCount) of at most \(policy.maximumReplicas) managed replicas, at least \
            \(policy.minimumReplicas); generation \(record.configuration.generation)\
            \(record.removal == nil ? "" : "; <strong>being removed</strong>")</p>
            \(holds(policy))
            <div class="scroll" tabindex="0" role="region" aria-label="Servers of \(record.name)"><table>
            \(Self.head(Self.serverColumns))
            <tbody>
            \(HTML(servers(of: group)))
            </tbody></table></div>
            </article>

            """
    }

    private func holds(_ policy: ScalingPolicy) -> HTML {
        var holds: [HTML] = []
        if let hold = policy.scaleOutPause, hold.until > state.now {
            holds.append("<li>adding is paused until \(time(hold.until)) \(hold.reason)</li>")
        }
        if let hold = policy.scaleInPause, hold.until > state.now {
            holds.append("<li>removing is paused until \(time(hold.until)) \(hold.reason)</li>")
        }
        if let pin = policy.pin, pin.until > state.now {
            holds.append("<li>pinned to \(pin.size) until \(time(pin.until)) \(pin.reason)</li>")
        }
        return holds.isEmpty ? "" : "<ul class=\"holds\">\(HTML(holds))</ul>"
    }

    private static let serverColumns = ["Server", "State", "Weight", "Lag", "In use", "Address"]

    private static func head(_ columns: [String]) -> HTML {
        "<thead><tr>\(HTML(columns.map { "<th scope=\"col\">\($0)</th>" }))</tr></thead>"
    }

    private func servers(of group: StatusState.Group) -> [HTML] {
        let replicas = Dictionary(
            group.record.replicas.map { ($0.name.text, $0) }, uniquingKeysWith: { first, _ in first })
        let listed = Set(group.record.configuration.servers.map(\.name))
        let rows = group.record.configuration.servers.map { server in
            let inUse = group.publication?.publication.connectionsInUse(address: server.address, port: server.port)
            let state = replicas[server.name]?.state.rawValue ?? ServerOrigin(server.origin).rawValue
            return row(
                server.name, state, mark: mark(of: server, group.record),
                [
                    "\(server.weight)", lag(of: server, group), inUse.map { "\($0)" } ?? "–",
                    "\(server.address):\(server.port)",
                ])
        }
        return rows
            + group.record.replicas.filter { !listed.contains($0.name.text) }.map { replica in
                row(
                    replica.name.text, replica.state.rawValue, mark: replica.failure,
                    ["–", "–", "–", "\(replica.address ?? "–")"])
            }
    }

    /// What people should know of a server beside its state.
    private func mark(of server: BackendServer, _ record: GroupRecord) -> String? {
        let status = server.status == .online ? nil : server.status.rawValue
        guard let unfit = record.unfit(server.name) else { return status }
        let held = unfit.waitsFor.map { " (\($0))" } ?? ""
        return "\(unfit.phase.rawValue) since \((unfit.sidelinedAt ?? unfit.since).rfc3339): \(unfit.sentence)\(held)"
    }

    private func row(_ name: String, _ state: String, mark: String?, _ cells: [HTML]) -> HTML {
        let others = zip(Self.serverColumns.dropFirst(2), cells).map { "<td data-label=\"\($0)\">\($1)</td>" as HTML }
        let note: HTML = mark.map { " <em>\($0)</em>" } ?? ""
        return """
            <tr><th scope="row">\(name)</th><td data-label="State"><span class="state \(state)">\(state)</span>\(note)\
            </td>\(HTML(others))</tr>

            """
    }

    /// The lag and how old that knowledge is.
    private func lag(of server: BackendServer, _ group: StatusState.Group) -> HTML {
        guard server.origin != .primary else { return "–" }
        guard let lag = group.lags[server.name] else { return "<span class=\"time\">not measured</span>" }
        return "\((lag.seconds * 10).rounded() / 10) s <span class=\"time\">\(age(lag.measuredAt))</span>"
    }

    /// How long ago, in the one unit that matters.
    private func age(_ moment: Timestamp) -> HTML {
        let seconds = max(0, state.now.since(moment).wholeMilliseconds / 1_000)
        let text =
            switch seconds {
            case ..<120: "\(seconds) s ago"
            case ..<7_200: "\(seconds / 60) min ago"
            case ..<172_800: "\(seconds / 3_600) h ago"
            default: "\(seconds / 86_400) d ago"
            }
        return "<time datetime=\"\(moment.rfc3339)\" title=\"\(moment.rfc3339)\">\(text)</time>"
    }

    // MARK: Nodes

    /// What a node holds, or a question mark where that is not known.
    private func generation(_ node: NodePublication, _ entry: PublicationBoard.Entry) -> String {
        if let held = node.holds { return "\(held.generation)" }
        return node.condition == .current ? "\(entry.publication.generation)" : "?"
    }

    private var nodes: HTML {
        let nodes = state.nodes
        guard !nodes.isEmpty else {
            return """
                <p class="empty">Nothing is known of the nodes yet: the scaler tells once it published a database.</p>
                """
        }
        let rows: [HTML] = nodes.flatMap { node in
            node.holds.map { group, entry, held in
                let wanted = group.record.configuration.generation
                let drift: HTML =
                    isCurrent(group, entry, held)
                    ? "<span class=\"state serving\">none</span>"
                    : "<span class=\"state failed\">\(held.condition == .current ? "behind" : held.condition.rawValue)</span>"
                return """
                    <tr><th scope="row">\(node.name)</th><td data-label="Group">\(group.record.name)</td>\
                    <td data-label="Generation">\(generation(held, entry)) of \(wanted)</td>\
                    <td data-label="Drift">\(drift) \(held.detail ?? "")</td>\
                    <td data-label="Read">\(age(entry.at))</td></tr>

                    """
            }
        }
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="Nodes"><table>
            \(Self.head(["Node", "Group", "Generation", "Drift", "Read"]))
            <tbody>\(HTML(rows))</tbody></table></div>
            """
    }

    private func isCurrent(
        _ group: StatusState.Group, _ entry: PublicationBoard.Entry, _ node: NodePublication
    ) -> Bool {
        node.condition == .current && entry.publication.generation == group.record.configuration.generation
    }

    // MARK: What happened

    private func incident(_ incident: Incident) -> HTML {
        """
        <details class="card" open id="incident-\(incident.id)"><summary>\(incident.group): \(incident.action.rawValue) a replica \
        (\(incident.policyName.isEmpty ? incident.id : incident.policyName)), since \(time(incident.startedAt)), \
        now \(incident.lastProcess.rawValue)</summary>
        \(list(state.timeline(of: incident)[...]))
        </details>

        """
    }

    private var decisions: HTML {
        let all = state.groups.flatMap(\.decisions).sorted { $0.lastAt > $1.lastAt }.prefix(20)
        guard !all.isEmpty else { return "<p class=\"empty\">None yet.</p>" }
        return HTML(
            ["<ol class=\"log\">"]
                + all.map { entry in
                    """
                    <li>\(time(entry.lastAt)) <span><b>\(entry.group)</b> \(entry.sentence)\
                    \(entry.count > 1 ? " (\(entry.count) times)" : "")</span></li>

                    """
                } + ["</ol>"])
    }

    private func list(_ events: ArraySlice<FleetEvent>) -> HTML {
        guard !events.isEmpty else { return "<p class=\"empty\">None yet.</p>" }
        return HTML(
            ["<ol class=\"log\">"]
                + events.map {
                    "<li class=\"\($0.severity.rawValue)\">\(time($0.time)) <span>\($0.sentence)</span></li>\n" as HTML
                } + ["</ol>"])
    }

    /// The time of day, and before it the date where that is another than today's.
    private func time(_ moment: Timestamp) -> HTML {
        let (text, today) = (moment.rfc3339, state.now.rfc3339)
        let date = text.prefix(10) == today.prefix(10) ? "" : "\(text.prefix(10)) "
        return "<time datetime=\"\(text)\" title=\"\(text)\">\(date)\(text.dropFirst(11).prefix(8)) UTC</time>"
    }
}
