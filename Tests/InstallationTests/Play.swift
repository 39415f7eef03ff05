import FleetModel
import HTTPTypes

/// Everything that can befall an installation.
enum Event: String, CaseIterable, Sendable {
    case alertOpens, alertCloses
    case passwordChanges, userComes, userGoes, ruleChanges, ruleGoes, serverComes, serverGoes, maximumChanges
    case replicaIsForgotten, groupComes, groupGoes
    case nodeRestarts, nodeMisbehaves, diskIsKept
    case rowsAreAdded, rowsAreDeleted, rowsAreEdited
    case cloudMisbehaves, instanceIsProtected, instanceIsPromoted, instanceIsStopped, instanceIsDeleted
    case instanceIsRelabelled
    case replicationStops, replicasLag, replicationGoesOn
    case storeIsCopied, storeIsPutBack, scalerDies, scalerEnds, clockJumps
}

/// A life as a seed plays it: bursts of events, each followed by a rest in which everything must become right.
struct Play: Sendable {
    let installation: Installation
    private var alerts: [Alert] = []
    private var number = 0

    private var world: World { installation.world }
    private var chance: Chance { installation.world.chance }

    init(_ installation: Installation) { self.installation = installation }

    /// Goes on for `days`, or until something is wrong.
    mutating func run(days: Double) async {
        do {
            try installation.disk.start()
        } catch {
            world.violate("the store does not open: \(error)")
            return
        }
        for name in ["shop", "bank"] { await register(name) }
        await rest()
        while world.days < days, world.violations.isEmpty {
            for _ in 0..<chance.pick(2...10) {
                guard world.violations.isEmpty else { return }
                await pause()
                guard let event = chance.pick(Event.allCases) else { continue }
                world.count(.events)
                world.count(kind: event.rawValue)
                world.note("event: \(event.rawValue)")
                await happen(event)
            }
            await rest()
        }
    }

    private func pause() async {
        switch chance.pick(0...2) {
        case 0: await world.sleep(.milliseconds(chance.pick(10...3_000)))
        case 1: await world.sleep(.seconds(chance.pick(3...60)))
        default: await world.sleep(.seconds(chance.pick(60...900)))
        }
    }

    /// People and machines mend what they broke; then everything has to come right, and nothing happens any more.
    private func rest() async {
        await mend()
        let rest = Rest(installation)
        var wrong: [String] = []
        // A creation that failed is tried again with growing patience.
        for round in 0..<160 {
            await world.sleep(.seconds(300))
            wrong = await rest.problems()
            if wrong.isEmpty || !world.violations.isEmpty { break }
            if round % 24 == 23 { await purge(await rest.orphans()) }
        }
        for sentence in wrong { world.violate("at rest: \(sentence)") }
        guard world.violations.isEmpty else { return }
        world.count(.rests)
        world.note("everything is at rest")
        let before = installation.nodes.map(\.loads)
        let hours = chance.pick(1...3)
        await world.sleep(.seconds(hours * 3_600))
        for (node, loads) in zip(installation.nodes, before) where node.loads - loads > hours {
            world.violate("\(node.name) was loaded \(node.loads - loads) times in \(hours) hours of rest")
        }
    }

    /// Where most nodes came back with rows of a group that was removed, a person has to say so.
    private func purge(_ orphans: [(group: String, places: [String])]) async {
        for (group, places) in orphans {
            world.count(kind: "purged")
            world.note("a person purges \(group), of which rows are in \(places.joined(separator: ", "))")
            await installation.ask(.post, "/v1/groups/\(group)/purge", "{}")
        }
    }

    private func mend() async {
        installation.cloud.mend()
        // One node may stay as it is: the rest of the fleet must come right without it.
        let left = chance.isOnce(in: 4) ? chance.pick(installation.nodes) : nil
        for node in installation.nodes where node.mood != .well {
            if let left, node === left, node.mood != .refusesLogins { continue }
            if node.mood == .down { await node.start(.present) } else { node.setMood(.well) }
        }
    }

    // MARK: Events

    private mutating func happen(_ event: Event) async {
        switch event {
        case .alertOpens, .alertCloses: await tell(event)
        case .passwordChanges, .userComes, .userGoes, .ruleChanges, .ruleGoes, .serverComes, .serverGoes,
            .maximumChanges, .replicaIsForgotten, .groupComes, .groupGoes:
            await edit(event)
        case .nodeRestarts, .nodeMisbehaves, .diskIsKept, .rowsAreAdded, .rowsAreDeleted, .rowsAreEdited:
            if let node = chance.pick(installation.nodes) { await befall(node, event) }
        case .cloudMisbehaves: misbehave()
        case .instanceIsProtected, .instanceIsPromoted, .instanceIsStopped, .instanceIsDeleted,
            .instanceIsRelabelled:
            befall(event)
        case .replicationStops, .replicasLag, .replicationGoesOn: replicate(event)
        case .storeIsCopied, .storeIsPutBack: await keep(event)
        case .scalerDies: installation.end(scaler: chance.pick(0...1), gracefully: false)
        case .scalerEnds: installation.end(scaler: chance.pick(0...1), gracefully: true)
        case .clockJumps: world.wallClock.jump(by: .seconds(chance.pick(-120...600)))
        }
    }

    private func register(_ name: String) async {
        let place = name == "shop" ? 1 : name == "bank" ? 2 : 3
        await installation.ask(
            .put, "/v1/groups/\(name)",
            """
            {"servers": [{"name": "\(name)", "address": "10.9.\(place).1", "origin": "primary"},
                         {"name": "\(name)-r", "address": "10.9.\(place).2", "origin": "configured"}],
             "users": [{"username": "\(name)-app", "password": "first"}]}
            """)
    }

    private mutating func tell(_ event: Event) async {
        number += 1
        let open = alerts.filter { $0.state == .open }
        guard event == .alertOpens else {
            guard var alert = chance.pick(open) else { return }
            alert.state = .closed
            alert.closedAt = world.wallClock.now()
            alerts.removeAll { $0.incidentID == alert.incidentID }
            return await send(alert)
        }
        guard open.count < 3, let group = chance.pick(world.groups) else { return }
        let alert = Alert(
            incidentID: "incident-\(number)", policyName: "p", state: .open, startedAt: world.wallClock.now(),
            closedAt: nil, primaryInstance: group.primaryInstance, group: group.name,
            replicaBaseName: "\(group.name)-", action: chance.isOnce(in: 3) ? .remove : .add, documentation: "")
        alerts.append(alert)
        await send(alert)
    }

    private func send(_ alert: Alert) async {
        world.count(.alerts)
        world.note(
            "alert: \(alert.incidentID) of \(alert.group) to \(alert.action.rawValue) is \(alert.state.rawValue)")
        do throws(StoreError) {
            _ = try await installation.store.record(alert, at: world.wallClock.now())
        } catch {
            world.violate("an alert was not stored: \(error)")
        }
    }

    private mutating func edit(_ event: Event) async {
        number += 1
        if event == .groupComes { return await register("cafe") }
        if event == .groupGoes {
            await installation.ask(.delete, "/v1/groups/cafe?deleteReplicas=true")
            return
        }
        guard let group = chance.pick(world.groups) else { return }
        let path = "/v1/groups/\(group.name)"
        let place = group.configuration.writerHostgroup
        switch event {
        case .passwordChanges:
            let user = chance.pick(group.configuration.users)?.username ?? "\(group.name)-app"
            await installation.ask(.put, "\(path)/users/\(user)", #"{"password": "secret-\#(number)"}"#)
        case .userComes:
            let user = "\(group.name)-user\(chance.pick(1...3))"
            await installation.ask(
                .put, "\(path)/users/\(user)", #"{"password": "it's \#(number)", "isActive": \#(number % 3 > 0)}"#)
        case .userGoes:
            await installation.ask(.delete, "\(path)/users/\(group.name)-user\(chance.pick(1...3))")
        case .ruleChanges:
            let id = chance.pick(1...7)
            await installation.ask(
                .put, "\(path)/query-rules/\(id)",
                #"{"matchDigest": "^SELECT \#(number)", "destinationHostgroup": \#(place)}"#)
        case .ruleGoes: await installation.ask(.delete, "\(path)/query-rules/\(chance.pick(4...7))")
        case .serverComes:
            let other = chance.pick(3...5)
            await installation.ask(
                .put, "\(path)/servers/\(group.name)-r\(other)x",
                #"{"address": "10.8.\#(place).\#(other)", "weight": \#(chance.pick(1...200))}"#)
        case .serverGoes:
            await installation.ask(.delete, "\(path)/servers/\(group.name)-r\(chance.pick(3...5))x")
        case .maximumChanges:
            await installation.ask(.patch, "\(path)/policy", #"{"maximumReplicas": \#(chance.pick(0...4))}"#)
        default:
            guard let replica = chance.pick(group.replicas) else { return }
            await installation.ask(.post, "\(path)/replicas/\(replica.name)/forget", "{}")
        }
    }

    private func befall(_ node: SimulatedNode, _ event: Event) async {
        switch event {
        case .nodeRestarts:
            guard let disk = chance.pick(SimulatedNode.DiskState.allCases) else { return }
            world.note("\(node.name) is restarted with its disk \(disk.rawValue)")
            if node.mood != .down { node.stop() }
            await world.sleep(.seconds(chance.pick(1...120)))
            await node.start(disk)
        case .nodeMisbehaves:
            guard let mood = chance.pick(SimulatedNode.Mood.allCases), node.mood != .down else { return }
            world.note("\(node.name) \(mood.rawValue)")
            if mood == .down { node.stop() } else { node.setMood(mood) }
        case .diskIsKept: if node.mood != .down { await node.keepDisk() }
        default:
            guard node.mood != .down else { return }
            let modules = ["MYSQL SERVERS", "MYSQL USERS", "MYSQL QUERY RULES"]
            let index = chance.pick(0...2)
            let sql = statement(event, index)
            world.note("\(node.name): somebody types \(sql)")
            await node.type(sql)
            if !chance.isOnce(in: 3) { await node.type("LOAD \(modules[index]) TO RUNTIME") }
            if chance.isOnce(in: 2) { await node.type("SAVE \(modules[index]) TO DISK") }
        }
    }

    private func statement(_ event: Event, _ table: Int) -> String {
        let number = chance.pick(1...5)
        let group = chance.pick(world.groups)?.name.text ?? "shop"
        let ours = "comment LIKE '%[drover \(group)%'"
        switch (event, table) {
        case (.rowsAreAdded, 0):
            return "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, comment) "
                + "VALUES (\(900 + number), '10.7.0.\(number)', 'a person''s')"
        case (.rowsAreAdded, 1):
            return "INSERT OR REPLACE INTO mysql_users (username, password, comment) "
                + "VALUES ('person-\(number)', 'own', 'a person''s')"
        case (.rowsAreAdded, _):
            return "INSERT OR REPLACE INTO mysql_query_rules (rule_id, match_digest, comment) "
                + "VALUES (\(9_000_000 + number), '^SHOW', 'a person''s')"
        case (.rowsAreDeleted, _): return "DELETE FROM \(SimulatedNode.tables[table]) WHERE \(ours)"
        case (_, 0): return "UPDATE mysql_servers SET weight=\(number), max_connections=\(number) WHERE \(ours)"
        case (_, 1): return "UPDATE mysql_users SET password='other-\(number)' WHERE \(ours)"
        case (_, _): return "UPDATE mysql_query_rules SET match_digest='^OTHER', active=0 WHERE \(ours)"
        }
    }

    private func misbehave() {
        guard let mood = chance.pick(SimulatedCloud.Mood.allCases) else { return }
        installation.cloud.mood = mood
        let (fails, hangs) = (chance.isOnce(in: 4), chance.isOnce(in: 4))
        installation.cloud.setCreatesFail(fails)
        installation.cloud.setNeverEnds(hangs)
        world.note("cloud: \(mood.rawValue)\(fails ? ", creations fail" : "")\(hangs ? ", operations never end" : "")")
    }

    private func befall(_ event: Event) {
        guard let (name, instance) = chance.pick(installation.cloud.instances), instance.state == .runnable else {
            return
        }
        world.note("cloud: \(name): \(event.rawValue)")
        installation.cloud.change(name) { instance in
            switch event {
            case .instanceIsProtected: instance?.isProtected = true
            case .instanceIsPromoted: instance?.primary = nil
            case .instanceIsStopped: instance?.state = .other("STOPPED")
            case .instanceIsRelabelled: instance?.labels = ["owner": "somebody"]
            default: instance = nil
            }
        }
    }

    /// One reader stops, all of a group lag alike, or all that was is over.
    private func replicate(_ event: Event) {
        guard let group = chance.pick(world.groups) else { return }
        let readers = group.watchedReaders
        switch event {
        case .replicationStops:
            guard let reader = chance.pick(readers) else { return }
            let isSilent = chance.isOnce(in: 3)
            world.note("\(reader.name) \(isSilent ? "does not answer" : "does not replicate")")
            installation.cloud.setReplication(
                isSilent ? .unreachable("connection refused") : .stopped("applier: No"), at: reader.address)
        case .replicasLag:
            let lag = Duration.seconds(chance.pick(1...300))
            world.note("the readers of \(group.name) are \(lag) behind")
            for reader in readers where !chance.isOnce(in: 4) {
                installation.cloud.setReplication(.replicating(lag: lag), at: reader.address)
            }
        default:
            for reader in readers { installation.cloud.setReplication(.replicating(lag: .zero), at: reader.address) }
        }
    }

    private func keep(_ event: Event) async {
        do {
            if event == .storeIsCopied {
                try installation.disk.keepCopy()
            } else {
                try await installation.restoreStore()
            }
        } catch {
            world.violate("the store could not be kept or put back: \(error)")
        }
    }
}
