import FleetModel
import Foundation
import Logging
import Pacing
import Persistence
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@testable import Watching

private let start = Timestamp(secondsSinceEpoch: 1_795_262_400)

private func after(_ minutes: Int) -> Timestamp { start.advanced(by: .seconds(minutes * 60)) }

private func name(_ text: String) throws -> InstanceName { try InstanceName(text, kind: "instance") }

private func record(_ replicas: [ReplicaRecord] = []) throws -> GroupRecord {
    var record = GroupRecord(
        configuration: FleetConfiguration(
            group: try name("main"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
        policy: ScalingPolicy(maximumReplicas: 5),
        primaryInstance: try name("main"))
    record.replicas = replicas
    return record
}

private func replica(_ text: String, _ state: ReplicaRecord.State, since minute: Int = 0) throws -> ReplicaRecord {
    var replica = ReplicaRecord(name: try name(text), incidentID: "", at: start)
    replica.enter(state, at: after(minute))
    return replica
}

private func publication(_ condition: NodePublication.Condition) -> Publication {
    Publication(
        generation: 7,
        nodes: [
            .init(node: "core-0", condition: condition, detail: "no answer"),
            .init(node: "core-1", condition: .current),
        ])
}

/// The events of looking each minute.
private func look(
    _ book: inout ConcernBook, _ minutes: ClosedRange<Int>, _ record: GroupRecord, _ publication: Publication? = nil
) -> [FleetEvent] {
    minutes.flatMap { minute in
        book.look(
            FleetConcern.all(in: record, incidents: [], decision: nil, publication: publication, at: after(minute)),
            of: record.name, limits: .init(), at: after(minute))
    }
}

@Suite("What lasts too long is told once, and when it is over")
struct ConcernTests {
    @Test(
        "a reader that is not fit to serve is told after ten minutes, whether it is out or in use, and when it is over")
    func unfitReader() throws {
        var record = try record([try replica("r1", .serving)])
        record.configuration.servers = [
            BackendServer(name: "r1", address: "10.0.0.1", hostgroup: 10, origin: .managed),
            BackendServer(name: "c1", address: "10.0.0.2", hostgroup: 10, origin: .configured),
        ]
        record.configuration.servers[0].status = .offlineSoft
        var out = UnfitReader(name: "r1", code: .stopped, detail: "applier: No", since: start)
        out.sidelinedAt = start
        record.unfitReaders = [out, UnfitReader(name: "c1", code: .lagging, detail: "60 s", since: after(5))]
        var book = ConcernBook()
        #expect(look(&book, 0...9, record).isEmpty)
        let events = look(&book, 10...20, record)
        #expect(events.map(\.kind) == [.readerUnfit, .readerUnfit])
        #expect(events.map { $0.fields["subject"] } == ["r1", "c1"])
        #expect(events[0].sentence.contains("takes no new connections"))
        #expect(events[1].sentence.contains("does not let Drover sideline"))
        record.unfitReaders?.removeAll { $0.name == "r1" }
        record.unfitReaders?[0].returningSince = after(21)
        let over = look(&book, 21...30, record)
        #expect(over.map(\.kind) == [.concernOver, .concernOver])
        #expect(Set(FleetEvent.Kind.readerUnfit.fields.map(\.rawValue)).isSuperset(of: events[0].fields.keys))
    }

    @Test("an alert for a group that is not registered is told as a decision that is missing, until the alert is over")
    func unregistered() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-watch-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let directory = try StateDirectory(path: folder)
        let (store, log) = (try SQLiteStore(directory: directory), try SQLiteEventLog(directory: directory))
        let clock = TestWallClock(after(0))
        let watch = ConcernWatch(
            .init(groups: store, incidents: store, decisions: store, publications: PublicationBoard(), events: log),
            limits: .init(), interval: .seconds(15), time: (ContinuousClock(), clock),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            tell: { events in _ = try? await log.append(events) })
        _ = try await store.record(
            Alert(
                incidentID: "0-a", policyName: "cpu", state: .open, startedAt: after(0), closedAt: nil,
                primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-", action: .add,
                documentation: "{}"), at: after(0))
        await watch.step()
        #expect(try await log.events(after: 0, group: nil, limit: 10).isEmpty)
        clock.advance(by: .seconds(700))
        await watch.step()
        let told = try await log.events(after: 0, group: nil, limit: 10)
        #expect(told.map(\.kind) == [.decisionMissing])
        #expect(told.first?.sentence.contains("No group is registered") == true, "\(told)")
        _ = try await store.record(
            Alert(
                incidentID: "0-a", policyName: "cpu", state: .closed, startedAt: after(0), closedAt: after(11),
                primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-", action: .add,
                documentation: "{}"), at: after(11))
        await watch.step()
        await watch.step()
        let all = try await log.events(after: 0, group: nil, limit: 10).map(\.kind)
        #expect(all == [.decisionMissing, .concernOver])
    }

    @Test("a replica that stays in a state is told after its time, from when it entered the state")
    func stuck() throws {
        var book = ConcernBook()
        let waiting = try record([
            replica("r-1", .creating), replica("r-2", .serving), replica("r-3", .starting, since: 80),
        ])
        let events = look(&book, 60...120, waiting)
        #expect(events.map(\.kind) == [.operationStuck])
        #expect(events.first?.time == after(90))
        #expect(
            events.first?.sentence
                == "For 90 minutes now, group main has replica r-1 still in state creating. Drover goes on trying; "
                + "please look.")
        let over = look(&book, 121...130, try record([replica("r-1", .serving), replica("r-2", .serving)]))
        #expect(over.map(\.kind) == [.concernOver])
        #expect(over.first?.sentence == "Over: group main is done with replica r-1.")
    }

    @Test("nodes that do not hold the configuration are told after ten minutes, and one that restarts is not")
    func publishing() throws {
        var book = ConcernBook()
        let group = try record()
        #expect(look(&book, 0...8, group, publication(.unknown)).isEmpty)
        #expect(look(&book, 9...9, group, publication(.current)).isEmpty)
        let events = look(&book, 10...40, group, publication(.behind))
        #expect(events.map(\.kind) == [.publicationFailing])
        #expect(events.first?.time == after(20))
        #expect(events.first?.sentence.contains("core-0 is behind (no answer)") == true)
        #expect(look(&book, 41...50, group, publication(.down)).map(\.kind) == [.concernOver])
    }

    @Test("a restart repeats nothing that was told, and knows when it is over")
    func restart() throws {
        var book = ConcernBook()
        let waiting = try record([replica("r-1", .deleting)])
        var log = look(&book, 85...95, waiting)
        #expect(log.count == 1)
        var again = ConcernBook(told: log.reversed())
        #expect(again == ConcernBook(told: log.reversed()))
        #expect(look(&again, 96...99, waiting).isEmpty)
        log += look(&again, 100...101, try record())
        #expect(log.map(\.kind) == [.operationStuck, .concernOver])
        var third = ConcernBook(told: log.reversed())
        #expect(third.open.isEmpty)
        #expect(look(&third, 102...103, try record()).isEmpty)
    }

    @Test("a group that lacks replicas is told with the reason, unless a person wanted it so")
    func unmet() throws {
        func decision(_ reason: ScalingDecision.Reason, desired: Int) throws -> DecisionEntry {
            let json = """
                {"group":"main","firstAt":\(start.millisecondsSinceEpoch),"lastAt":\(start.millisecondsSinceEpoch),
                "count":1,"reason":"\(reason.rawValue)","current":1,"desired":\(desired),"wishes":[],"sentence":"s",
                "inputs":{"incidents":[],"readings":[],"replicas":{},"fixedReaders":0}}
                """
            return try JSONDecoder().decode(DecisionEntry.self, from: Data(json.utf8))
        }
        let group = try record([replica("r-1", .serving)])
        func concerns(_ decision: DecisionEntry) -> [FleetConcern] {
            FleetConcern.all(in: group, incidents: [], decision: decision, publication: nil, at: after(40))
        }
        let concern = try #require(concerns(try decision(.maximumSize, desired: 3)).first)
        #expect(concern.key.code == .sizeUnmet && concern.since == start)
        #expect(concern.sentence == "wants 3 replicas of Drover's and has 1 in use: MAX_SIZE")
        #expect(concerns(try decision(.paused, desired: 3)).isEmpty)
        #expect(concerns(try decision(.noWish, desired: 1)).isEmpty)
    }
}

extension ConcernTests {
    @Test("an alert about which nothing is decided is told, and a decision begins the wait anew")
    func undecided() throws {
        let group = try record()
        let alert = Alert(
            incidentID: "0-a", policyName: "CPU", state: .open, startedAt: start, closedAt: nil,
            primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-", action: .add,
            documentation: "")
        let incident = Incident(alert: alert, at: start)
        var book = ConcernBook()
        func look(_ minute: Int, _ incidents: [Incident], in record: GroupRecord) -> [FleetEvent] {
            book.look(
                FleetConcern.all(
                    in: record, incidents: incidents, decision: nil, publication: nil, at: after(minute)),
                of: record.name, limits: .init(), at: after(minute))
        }
        #expect(look(9, [incident], in: group).isEmpty)
        let working = try record([replica("r-1", .creating, since: 9)])
        #expect(look(10, [incident], in: working).isEmpty)
        let events = look(11, [incident], in: group)
        #expect(events.map(\.kind) == [.decisionMissing])
        #expect(events.first?.sentence.contains("has alert \"CPU\" firing and nothing was decided") == true)
        #expect(look(12, [], in: group).map(\.kind) == [.concernOver])
    }

    @Test("a decision ends what was told of a missing one, though the alert fires on")
    func decided() throws {
        let group = try record()
        let alert = Alert(
            incidentID: "0-a", policyName: "CPU", state: .open, startedAt: start, closedAt: nil,
            primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-", action: .add,
            documentation: "")
        let incident = Incident(alert: alert, at: start)
        var book = ConcernBook()
        func look(_ minute: Int, _ decision: DecisionEntry? = nil) -> [FleetEvent.Kind] {
            book.look(
                FleetConcern.all(
                    in: group, incidents: [incident], decision: decision, publication: nil, at: after(minute)),
                of: group.name, limits: .init(), at: after(minute)
            ).map(\.kind)
        }
        #expect(look(11) == [.decisionMissing])
        let made = after(12).millisecondsSinceEpoch
        let json = """
            {"group":"main","firstAt":\(made),"lastAt":\(made),"count":1,"reason":"DRY_RUN","current":0,"desired":0,
            "wishes":[],"sentence":"s","inputs":{"incidents":[],"readings":[],"replicas":{},"fixedReaders":0}}
            """
        let decision = try JSONDecoder().decode(DecisionEntry.self, from: Data(json.utf8))
        #expect(look(13, decision) == [.concernOver])
        #expect(book.open.isEmpty)
        #expect(look(30, decision) == [.decisionMissing], "and a new wait began with it")
    }

    @Test("rows of a group that is not registered are told after ten minutes with what a person can do")
    func orphaned() throws {
        let board = PublicationBoard()
        var orphan = OrphanedGroup(group: try name("cafe"), nodes: ["core-1", "core-2"], removedAt: nil)
        orphan.doubt = "the store knows of no removal of it"
        #expect(board.note([orphan], at: start).changed == [orphan])
        #expect(board.note([orphan], at: start).changed.isEmpty)
        var book = ConcernBook()
        func look(_ minutes: ClosedRange<Int>) throws -> [FleetEvent] {
            let found = board.orphans
            return try minutes.flatMap { minute in
                let concerns = found.compactMap { group, publication in
                    FleetConcern.orphaned(publication, of: group, at: after(minute))
                }
                return book.look(concerns, of: try name("cafe"), limits: .init(), at: after(minute))
            }
        }
        let early = try look(0...9)
        #expect(early.isEmpty)
        let events = try look(10...30)
        #expect(events.map(\.kind) == [.rowsOrphaned] && events.first?.fields["nodes"] == "core-1,core-2")
        #expect(events.first?.sentence.contains("drover ctl databases purge cafe") == true, "\(events)")
        #expect(board.note([], at: start).gone.map(\.text) == ["cafe"])
        let over = try look(31...31)
        #expect(over.map(\.kind) == [.concernOver])
        board.note(publication(.behind), of: try name("main"), at: start)
        let main = try name("main")
        #expect(board.orphans.isEmpty && board.newest(of: main) != nil)
    }

    @Test("what Chester wrote last years ago is undecided from when Drover first saw it")
    func takenOver() throws {
        let group = try record()
        let alert = Alert(
            incidentID: "0-a", policyName: "CPU", state: .open, startedAt: Timestamp(secondsSinceEpoch: 1),
            closedAt: nil, primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-",
            action: .add, documentation: "")
        var incident = Incident(alert: alert, at: Timestamp(secondsSinceEpoch: 1_600_000_000))
        incident.updatedBy = "daemon"
        incident.heardAt = nil
        var (book, other) = (ConcernBook(), ConcernBook())
        func look(_ minute: Int) -> [[FleetEvent.Kind]] {
            let concerns = FleetConcern.all(
                in: group, incidents: [incident], decision: nil, publication: nil, at: after(minute))
            let unknown = FleetConcern.unregistered(incident, registered: [], at: after(minute))
            return [
                book.look(
                    concerns.filter { $0.key.code == .decisionMissing }, of: group.name, limits: .init(),
                    at: after(minute)
                ).map(\.kind),
                other.look([unknown], of: group.name, limits: .init(), at: after(minute)).map(\.kind),
            ]
        }
        for minute in 0...9 { #expect(look(minute) == [[], []]) }
        #expect(look(10) == [[.decisionMissing], [.decisionMissing]], "nobody decides about it all the same")
        #expect(look(11) == [[], []])
    }

    @Test("an incident is old by what was heard of it, not by the beginning that it names")
    func oldByHearing() throws {
        let alert = Alert(
            incidentID: "0-a", policyName: "CPU", state: .open, startedAt: Timestamp(secondsSinceEpoch: 1),
            closedAt: nil,
            primaryInstance: try name("main"), group: try name("main"), replicaBaseName: "main-", action: .add,
            documentation: "")
        let concerns = FleetConcern.all(
            in: try record(), incidents: [Incident(alert: alert, at: start)], decision: nil, publication: nil,
            at: after(1))
        #expect(concerns.filter { $0.key.code == .incidentOld }.map(\.since) == [start])
    }
}

@Suite("The watch over stored groups", .timeLimit(.minutes(1)))
struct ConcernWatchTests {
    @Test("it reads the stores, tells through the log, and repeats nothing after a restart")
    func watch() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-watch-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let directory = try StateDirectory(path: folder)
        let store = try SQLiteStore(directory: directory)
        let log = try SQLiteEventLog(directory: directory)
        let clock = TestWallClock(after(100))
        try await store.insert(try record([replica("r-1", .draining)]))
        func makeWatch() -> ConcernWatch {
            ConcernWatch(
                .init(groups: store, incidents: store, decisions: store, publications: PublicationBoard(), events: log),
                limits: .init(),
                interval: .seconds(15), time: (ContinuousClock(), clock),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                tell: { events in _ = try? await log.append(events) })
        }
        let first = makeWatch()
        for _ in 0..<3 { await first.step() }
        await makeWatch().step()
        let told = try await log.events(after: 0, group: nil, limit: 10)
        #expect(told.map(\.kind) == [.operationStuck])
        let stored = try #require(try await store.group(try name("main")))
        var changed = stored.document
        changed.replicas = []
        try await store.save(changed, ifVersion: stored.version)
        await makeWatch().step()
        let after = try await log.events(after: 0, group: nil, limit: 10)
        #expect(after.map(\.kind) == [.operationStuck, .concernOver])
    }
}
