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
        <p class="time">As of \(time(state.now))</p>
        <section id="groups" aria-labelledby="groups-title">
        <h2 id="groups-title">Groups</h2>
        \(state.groups.isEmpty ? "<p>No database is registered.</p>" : HTML(state.groups.map(group)))
        \(state.more == 0 ? "" : "<p>\(state.more) more groups are not shown.</p>")
        </section>
        <section id="nodes" aria-labelledby="nodes-title">
        <h2 id="nodes-title">Nodes</h2>
        \(nodes)
        </section>
        <section id="incidents" aria-labelledby="incidents-title">
        <h2 id="incidents-title">Open incidents</h2>
        \(state.incidents.isEmpty ? "<p>None.</p>" : HTML(state.incidents.map(incident)))
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

    // MARK: Groups

    private func group(_ group: StatusState.Group) -> HTML {
        let record = group.record
        let policy = record.policy
        return """
            <article aria-labelledby="group-\(record.name)">
            <h3 id="group-\(record.name)">\(record.name)</h3>
            <p>\(record.managedCount) of at most \(policy.maximumReplicas) managed replicas, at least \
            \(policy.minimumReplicas); generation \(record.configuration.generation)\
            \(record.removal == nil ? "" : "; <strong>being removed</strong>")</p>
            \(holds(policy))
            <div class="scroll" tabindex="0" role="region" aria-label="Servers of \(record.name)"><table>
            <thead><tr><th scope="col">Server</th><th scope="col">State</th><th scope="col">Weight</th>\
            <th scope="col">Lag</th><th scope="col">In use</th><th scope="col">Address</th></tr></thead>
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

    private func servers(of group: StatusState.Group) -> [HTML] {
        let replicas = Dictionary(
            group.record.replicas.map { ($0.name.text, $0) }, uniquingKeysWith: { first, _ in first })
        let listed = Set(group.record.configuration.servers.map(\.name))
        let rows = group.record.configuration.servers.map { server in
            let inUse = group.publication?.publication.connectionsInUse(address: server.address, port: server.port)
            let state = replicas[server.name]?.state.rawValue ?? ServerOrigin(server.origin).rawValue
            return row(
                [
                    server.name, state, "\(server.weight)", lag(server.name, group) ?? "–",
                    inUse.map { "\($0)" } ?? "–",
                    "\(server.address):\(server.port)",
                ], mark: server.status == .online ? nil : server.status.rawValue)
        }
        return rows
            + group.record.replicas.filter { !listed.contains($0.name.text) }.map { replica in
                row(
                    [replica.name.text, replica.state.rawValue, "–", "–", "–", replica.address ?? "–"],
                    mark: replica.failure)
            }
    }

    private func row(_ cells: [String], mark: String?) -> HTML {
        let others = cells.dropFirst(2).map { "<td>\($0)</td>" as HTML }
        let note: HTML = mark.map { " <em>\($0)</em>" } ?? ""
        return """
            <tr><th scope="row">\(cells[0])</th><td><span class="state \(cells[1])">\(cells[1])</span>\(note)</td>\
            \(HTML(others))</tr>

            """
    }

    /// Where a metric of the policy measures lag, what was last read of it.
    private func lag(_ server: String, _ group: StatusState.Group) -> String? {
        let metrics = Set(group.record.policy.metrics.filter { $0.role == .replicaLag }.map(\.name))
        let reading = group.decisions.first?.inputs.readings.first {
            metrics.contains($0.metric) && $0.instance == server
        }
        return reading.map { "\((($0.value * 10).rounded()) / 10) s" }
    }

    // MARK: Nodes

    private var nodes: HTML {
        let nodes = state.nodes
        guard !nodes.isEmpty else { return "<p>Nothing was published since this process began.</p>" }
        let rows: [HTML] = nodes.flatMap { node in
            node.holds.map { group, entry, held in
                let wanted = group.record.configuration.generation
                let isCurrent = held.condition == .current && entry.publication.generation == wanted
                let drift: HTML =
                    isCurrent
                    ? "<span class=\"state serving\">none</span>"
                    : "<span class=\"state failed\">\(held.condition == .current ? "behind" : held.condition.rawValue)</span>"
                return """
                    <tr><th scope="row">\(node.name)</th><td>\(group.record.name)</td>\
                    <td>\(held.condition == .current ? "\(entry.publication.generation)" : "?") of \(wanted)</td>\
                    <td>\(drift) \(held.detail ?? "")</td><td>\(time(entry.at))</td></tr>

                    """
            }
        }
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="Nodes"><table>
            <thead><tr><th scope="col">Node</th><th scope="col">Group</th><th scope="col">Generation</th>\
            <th scope="col">Drift</th><th scope="col">Read</th></tr></thead>
            <tbody>\(HTML(rows))</tbody></table></div>
            """
    }

    // MARK: What happened

    private func incident(_ incident: Incident) -> HTML {
        """
        <details open id="incident-\(incident.id)"><summary>\(incident.group): \(incident.action.rawValue) a replica \
        (\(incident.policyName.isEmpty ? incident.id : incident.policyName)), since \(time(incident.startedAt)), \
        now \(incident.lastProcess.rawValue)</summary>
        \(list(state.timeline(of: incident)[...]))
        </details>

        """
    }

    private var decisions: HTML {
        let all = state.groups.flatMap(\.decisions).sorted { $0.lastAt > $1.lastAt }.prefix(20)
        guard !all.isEmpty else { return "<p>None yet.</p>" }
        return HTML(
            ["<ol class=\"log\">"]
                + all.map { entry in
                    """
                    <li>\(time(entry.lastAt)) <b>\(entry.group)</b> \(entry.sentence)\
                    \(entry.count > 1 ? " (\(entry.count) times)" : "")</li>

                    """
                } + ["</ol>"])
    }

    private func list(_ events: ArraySlice<FleetEvent>) -> HTML {
        guard !events.isEmpty else { return "<p>None yet.</p>" }
        return HTML(
            ["<ol class=\"log\">"]
                + events.map {
                    "<li class=\"\($0.severity.rawValue)\">\(time($0.time)) \($0.sentence)</li>\n" as HTML
                } + ["</ol>"])
    }

    private func time(_ moment: Timestamp) -> HTML {
        let text = moment.rfc3339
        return "<time datetime=\"\(text)\">\(text.prefix(19).replacing("T", with: " ")) UTC</time>"
    }
}
