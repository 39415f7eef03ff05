import FleetModel
import Testing

private let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

private func record(maximum: Int = 3) throws -> GroupRecord {
    let name = try InstanceName("shop")
    return GroupRecord(
        configuration: FleetConfiguration(
            group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary)],
                [ProxyUser(username: "app", password: Secret("do-not-print"), defaultHostgroup: 5)], []
            )),
        policy: ScalingPolicy(maximumReplicas: maximum), primaryInstance: name)
}

private func incident() throws -> Incident {
    let name = try InstanceName("shop")
    return Incident(
        alert: Alert(
            incidentID: "0-abc", policyName: "CPU high", state: .open, startedAt: now, closedAt: nil,
            primaryInstance: name, group: name, replicaBaseName: "shop-", action: .add, documentation: ""), at: now)
}

@Suite("Events derived from documents")
struct FleetEventTests {
    @Test("every transition of a replica's life tells exactly one event, in order")
    func life() throws {
        var group = try record()
        let name = try InstanceName("shop-r1")
        var kinds: [FleetEvent.Kind] = []
        func step(_ change: (inout GroupRecord) -> Void) {
            let before = group
            change(&group)
            kinds += FleetEvent.between(old: before, new: group, at: now).map(\.kind)
        }
        step { $0.plan(name, for: "0-abc", at: now) }
        step { $0.creationBegan(name, operationID: "op", at: now) }
        step { $0.creationEnded(name, at: now) }
        step { $0.admit(name, address: "10.0.0.9", by: AdmissionRule(), at: now) }
        step { $0.ramp(name, at: now) }
        step { $0.raise(name, to: 100, at: now) }
        step { $0.serve(name, at: now) }
        step { $0.drain(name, for: "0-def", at: now) }
        step { $0.remove(name, at: now) }
        step { $0.deletionMayBegin(name, at: now) }
        step { $0.deletionBegan(name, operationID: "op2") }
        step { $0.forget(name, at: now) }
        #expect(
            kinds == [
                .replicaPlanned, .replicaCreating, .replicaStarting, .replicaAdmitted, .replicaRamping,
                .replicaServing, .replicaDraining, .replicaRemoved, .replicaDeleting, .replicaGone,
            ])
    }

    @Test("a failure says why, asks for a person, and its end is no success")
    func failure() throws {
        var group = try record()
        let name = try InstanceName("shop-r1")
        group.plan(name, for: "0-abc", at: now)
        let before = group
        group.fail(name, because: "quota exceeded.", at: now)
        let failed = try #require(FleetEvent.between(old: before, new: group, at: now).first)
        #expect(failed.severity == .error && failed.fields["reason"] == "quota exceeded.")
        #expect(failed.sentence == "Replica shop-r1 of group shop cannot serve and is cleaned up: quota exceeded.")
        let failing = group
        group.forget(name, at: now)
        let gone = try #require(FleetEvent.between(old: failing, new: group, at: now).first)
        #expect(gone.kind == .replicaGone && gone.severity == .warning)
    }

    @Test("what a person changed is told without any value, and what the scaler changed is not told twice")
    func configuration() throws {
        let before = try record()
        var after = before
        after.configuration.users[0].password = Secret("new-secret")
        after.configuration.generation += 1
        after.policy.maximumReplicas = 7
        let events = FleetEvent.between(old: before, new: after, at: now)
        #expect(events.map(\.kind) == [.configurationChanged, .policyChanged])
        #expect(!"\(events)".contains("secret") && !"\(events)".contains("do-not-print"))
        #expect(events[1].fields["previous-maximum"] == "3")
        #expect(FleetEvent.between(old: after, new: after, at: now).isEmpty)
    }

    @Test("a group's beginning and end are events")
    func group() throws {
        let group = try record(maximum: 1)
        #expect(FleetEvent.between(old: nil, new: group, at: now).map(\.kind) == [.groupCreated])
        #expect(FleetEvent.between(old: group, new: nil, at: now).map(\.kind) == [.groupRemoved])
    }

    @Test("a replica that is stopped because its group is being removed is no failure of its incident")
    func stoppedByRemoval() throws {
        var group = try record()
        let incident = try incident()
        let name = try InstanceName("shop-r1")
        group.plan(name, for: incident.id, at: now)
        group.fail(name, because: "its group is being removed", at: now)
        #expect(incident.progress(in: group) == .fail)
        group.removal = GroupRemoval(requestedAt: now, deletesReplicas: true)
        #expect(incident.progress(in: group) == .statusCheck)
    }

    @Test("an incident tells its opening, its end, its failure and when it is cleared, and no step between")
    func incidents() throws {
        var current = try incident()
        #expect(FleetEvent.between(old: nil, new: current, at: now).map(\.kind) == [.incidentOpened])
        var before = current
        current.lastProcess = .instanceCall
        #expect(FleetEvent.between(old: before, new: current, at: now).isEmpty)
        before = current
        current.lastProcess = .fail
        #expect(FleetEvent.between(old: before, new: current, at: now).map(\.kind) == [.incidentFailed])
        before = current
        current.state = .closed
        #expect(FleetEvent.between(old: before, new: current, at: now).map(\.kind) == [.incidentClosed])
        before = current
        current.lastProcess = .clear
        #expect(FleetEvent.between(old: before, new: current, at: now).map(\.kind) == [.incidentCleared])
    }
}

@Suite("Rows of somebody else, told")
struct ForeignRowEventTests {
    private let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private func publication(_ rows: [ForeignRow]?) -> Publication {
        var node = NodePublication(node: "core-0", condition: rows == nil ? .current : .behind)
        node.foreignRows = rows
        return Publication(generation: 3, nodes: [node])
    }

    @Test("an event tells them once, and again when they are others; the concern lasts until they are gone")
    func told() throws {
        let group = try InstanceName("shop")
        let rule = ForeignRow(row: RowName(table: "mysql_query_rules", key: ["1"]), owner: nil)
        let user = ForeignRow(row: RowName(table: "mysql_users", key: ["app"]), owner: "other")
        func kinds(_ old: Publication?, _ new: Publication) -> [FleetEvent.Kind] {
            FleetEvent.between(old: old, new: new, of: group, at: now).map(\.kind)
        }
        #expect(kinds(publication(nil), publication([rule])) == [.publicationIncomplete, .foreignRows])
        #expect(kinds(publication([rule]), publication([rule])).isEmpty)
        #expect(kinds(publication([rule]), publication([rule, user])) == [.foreignRows])
        #expect(kinds(publication([rule]), publication(nil)) == [.publicationFinished])
        let event = try #require(
            FleetEvent.between(old: nil, new: publication([user]), of: group, at: now).last)
        #expect(event.severity == .error && event.fields["rows"] == "mysql_users app (marked as group other's)")
        let configuration = FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], []))
        let record = GroupRecord(
            configuration: configuration, policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: group)
        let concerns = FleetConcern.all(
            in: record, incidents: [], decision: nil, publication: publication([rule]), at: now)
        #expect(concerns.map(\.key.code) == [.publicationFailing, .foreignRows])
        #expect(concerns.last?.sentence.contains("mysql_query_rules 1 (without Drover's mark)") == true)
    }
}
