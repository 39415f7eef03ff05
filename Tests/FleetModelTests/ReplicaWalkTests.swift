import FleetModel
import Testing

private let walk = ReplicaWalk(operationDeadline: .seconds(100), admissionDeadline: .seconds(200))
private let never = Duration.seconds(1_000_000)

private func instance(
    _ state: ProviderInstance.State, address: String? = "10.0.0.5", primary: String? = "shop"
) throws -> ProviderInstance {
    ProviderInstance(
        name: try InstanceName("shop-a"), state: state, privateAddress: address, primary: primary, labels: [:])
}

/// Everything that a look at the provider can show of an instance.
private func sights() throws -> [ProviderInstance?] {
    var all: [ProviderInstance?] = [nil]
    let states: [ProviderInstance.State] = [
        .runnable, .creating, .deleting, .failed, .other("STOPPED"), .other("MAINTENANCE"), .other("SUSPENDED"),
        .other("unknown"),
    ]
    for state in states {
        for address in ["10.0.0.5", nil] {
            for primary in ["shop", "other", nil] {
                all.append(try instance(state, address: address, primary: primary))
            }
        }
    }
    return all
}

private let operations: [OperationSight] = [
    .underWay, .ended(failure: nil), .ended(failure: "ERROR_UNKNOWN"), .forgotten,
]

private let codes: [ProviderError.Code] = [
    .operationInProgress, .alreadyExists, .notFound, .rateLimited, .quotaExceeded, .permissionDenied, .invalid,
    .notOurs, .unavailable,
]

private func isWait(_ verdict: ReplicaVerdict) -> Bool {
    if case .waits = verdict { true } else { false }
}

@Suite("Every state of a replica ends, whatever is seen in it")
struct ReplicaWalkTests {
    @Test("past the last deadline nothing waits in planned, creating, starting, draining and deleting")
    func everyWaitEnds() throws {
        let primary = try InstanceName("shop")
        for code in codes {
            let error = ProviderError(code, "no")
            #expect(!isWait(walk.refusedCreation(error, after: never)), "planned, \(code)")
            // While the provider does not answer, nothing is known of the instance: people are told, and can forget.
            let isSilent = code == .unavailable || code == .rateLimited
            #expect(isWait(walk.refusedDeletion(error, after: never)) == isSilent, "deleting, \(code)")
            if isSilent { #expect(walk.refusedDeletion(error, after: never) == .waits("\(error)", isTold: true)) }
        }
        for operation in operations {
            #expect(!isWait(walk.creation(operation, after: never)), "creating, \(operation)")
            #expect(!isWait(walk.deletion(operation, after: never)), "deleting, \(operation)")
            for sight in try sights() {
                let verdict = walk.deletion(lookedAt: sight, operation, after: never)
                let isGone = verdict == .gone
                #expect(isGone == (sight == nil), "deleting, \(operation), \(String(describing: sight))")
                if case .leaves = verdict { continue }
                #expect(isGone, "deleting, \(operation), \(String(describing: sight)): \(verdict)")
            }
        }
        for sight in try sights() {
            let shown = String(describing: sight)
            #expect(!isWait(walk.creation(lookedAt: sight, after: never)), "creating, \(shown)")
            let start = walk.start(sight, primary: primary, after: never)
            let isFit = sight?.state == .runnable && sight?.primary == "shop" && sight?.privateAddress != nil
            #expect((start == .proceeds) == isFit, "starting, \(shown): \(start)")
            if !isFit, case .fails = start { continue }
            #expect(isFit, "starting, \(shown): \(start)")
        }
        for foreign in [[], ["hostgroup 77 of core-0"]] {
            for own in [0, 5] {
                for isLeaving in [false, true] {
                    let verdict = walk.drain(
                        own: own, foreign: foreign, deadline: .seconds(60), isLeaving: isLeaving, after: never)
                    #expect(!isWait(verdict), "draining, \(own), \(foreign), \(isLeaving)")
                }
            }
        }
    }

    @Test("what a replica lacks is named, told after a while, and ends with the admission's deadline")
    func lacks() throws {
        let primary = try InstanceName("shop")
        let bare = try instance(.runnable, address: nil)
        let lack = "the instance is RUNNABLE and has no private address"
        #expect(walk.start(bare, primary: primary, after: .seconds(5)) == .waits(lack))
        #expect(walk.start(bare, primary: primary, after: .seconds(121)) == .waits(lack, isTold: true))
        #expect(
            walk.start(bare, primary: primary, after: .seconds(201))
                == .fails("it was not fit to serve for 3 minutes: \(lack)"))
        let stopped = try instance(.other("STOPPED"))
        #expect(
            walk.start(stopped, primary: primary, after: .seconds(130))
                == .waits("the instance is STOPPED", isTold: true))
        let promoted = try instance(.runnable, primary: nil)
        #expect(walk.start(promoted, primary: primary, after: .zero) == .fails("it replicates from nothing"))
    }

    @Test("an operation that never ends is told, and a replica that runs goes on without it")
    func neverDone() throws {
        #expect(walk.creation(.underWay, after: .seconds(100)) == .waits("the create operation has not ended"))
        #expect(walk.creation(.underWay, after: .seconds(101)) == .looks)
        #expect(walk.creation(lookedAt: try instance(.runnable), after: .seconds(101)) == .proceeds)
        #expect(
            walk.creation(lookedAt: try instance(.creating), after: .seconds(101))
                == .waits("the instance is PENDING_CREATE, and its operation does not end", isTold: true))
        guard case .fails = walk.creation(lookedAt: try instance(.creating), after: .seconds(401)) else {
            Issue.record("a creation was waited for past its last deadline")
            return
        }
        #expect(walk.deletion(.underWay, after: .seconds(101)) == .looks)
        #expect(walk.deletion(lookedAt: nil, .underWay, after: .seconds(101)) == .gone)
    }

    @Test(
        "not ours ends at once; a foreign hostgroup holds an instance past the drain's deadline, own connections do not"
    )
    func leaving() throws {
        #expect(
            walk.refusedDeletion(ProviderError(.notOurs, "it is protected"), after: .zero) == .leaves("it is protected")
        )
        let (own, deadline) = (3, Duration.seconds(60))
        #expect(
            walk.drain(own: own, foreign: [], deadline: deadline, isLeaving: false, after: .seconds(60)) == .proceeds)
        let held = walk.drain(
            own: own, foreign: ["hostgroup 77 of core-0"], deadline: deadline, isLeaving: false, after: .seconds(60))
        #expect(
            held
                == .waits(
                    "hostgroup 77 of core-0 uses it: take that row away, or forget the replica", isTold: true))
        #expect(
            walk.drain(
                own: 0, foreign: ["hostgroup 77 of core-0"], deadline: deadline, isLeaving: true, after: .zero)
                == .proceeds)
        #expect(
            walk.drain(
                own: 0, foreign: ["hostgroup 77 of core-0"], deadline: deadline, isLeaving: false, after: .seconds(160))
                == .leaves("hostgroup 77 of core-0 still used it"))
    }

    @Test("who uses a backend: the group's own hostgroups, and others with a row that is not off")
    func use() throws {
        let record = try group()
        var server = BackendServer(name: "shop-a", address: "10.0.0.5", hostgroup: 10, origin: .managed)
        server.status = .offlineSoft
        func row(_ hostgroup: Int, _ status: String, _ used: Int) -> BackendObservation {
            BackendObservation(
                hostgroup: hostgroup, address: "10.0.0.5", port: 3306, status: status, connectionsInUse: used)
        }
        let publication = Publication(
            generation: 1,
            nodes: [
                NodePublication(
                    node: "core-0", condition: .current,
                    backends: [
                        row(10, "OFFLINE_SOFT", 2), row(77, "ONLINE", 0), row(78, "OFFLINE_SOFT", 0),
                        row(79, "OFFLINE_HARD", 1),
                    ])
            ])
        let use = publication.use(of: server, by: record.configuration)
        #expect(use?.own == 2)
        #expect(use?.foreign == ["hostgroup 77 of core-0", "hostgroup 79 of core-0"])
        var behind = publication
        behind.nodes.append(NodePublication(node: "core-1", condition: .unknown))
        #expect(behind.use(of: server, by: record.configuration) == nil)
    }

    @Test("a serving replica is judged by state, primary and address")
    func serving() throws {
        let primary = try InstanceName("shop")
        func judge(_ seen: ProviderInstance?) -> ServingSight {
            ServingSight(seen, primary: primary, address: "10.0.0.5")
        }
        #expect(judge(nil) == .missing)
        #expect(judge(try instance(.runnable)) == .fine)
        #expect(judge(try instance(.runnable, address: nil)) == .fine)
        #expect(judge(try instance(.other("MAINTENANCE"), primary: nil)) == .fine)
        #expect(judge(try instance(.runnable, primary: nil)) == .promoted)
        #expect(judge(try instance(.runnable, primary: "other")) == .reparented("other"))
        #expect(judge(try instance(.runnable, address: "10.0.0.6")) == .moved("10.0.0.6"))
        #expect(judge(try instance(.failed)) == .lost("the instance is FAILED"))
    }
}

@Suite("How a replica's record ends")
struct LeavingRecordTests {
    @Test("a replica that is let go of leaves the configuration first, is told, and is not counted as a failure")
    func letGo() throws {
        var record = try group()
        try serving(&record, "shop-a", at: start)
        let name = try InstanceName("shop-a")
        let before = record
        record.leave(name, because: "alice gave it up", at: start)
        #expect(record.replicas.first?.state == .draining)
        #expect(record.configuration.servers.last?.status == .offlineSoft)
        #expect(record.configuration.generation == before.configuration.generation + 1)
        let once = record
        record.leave(name, because: "again", at: start.advanced(by: .seconds(9)))
        #expect(record == once, "a second call changes nothing")
        record.remove(name, at: start)
        let last = record
        record.letGo(name, at: start)
        #expect(record.replicas.isEmpty && record.consecutiveFailures == 0 && record.lastScaling?.direction == .in)
        #expect(record.leftReplicas?.map(\.name) == [name])
        let events = FleetEvent.between(old: last, new: record, at: start)
        #expect(events.map(\.kind) == [.replicaLeft])
        #expect(events.first?.sentence.contains("alice gave it up") == true)
    }

    @Test("a person's deletion of a serving replica is no failed creation")
    func lost() throws {
        var record = try group()
        try serving(&record, "shop-a", at: start)
        let name = try InstanceName("shop-a")
        record.lose(name, because: "the instance does not exist any more", at: start)
        record.remove(name, at: start)
        record.forget(name, at: start)
        #expect(record.consecutiveFailures == 0 && record.lastScaling?.direction == .in)
        var failed = try group()
        failed.plan(name, for: "i", at: start)
        failed.fail(name, because: "quota", at: start)
        failed.forget(name, at: start)
        #expect(failed.consecutiveFailures == 1 && failed.lastScaling?.direction == .out)
    }

    @Test("a retry begins the step's deadline anew and ends the wait after failures; one that serves has none")
    func retry() throws {
        var record = try group()
        let name = try InstanceName("shop-a")
        record.plan(name, for: "i", at: start)
        record.creationBegan(name, operationID: "o", at: start)
        record.consecutiveFailures = 4
        let later = start.advanced(by: .seconds(500))
        let isTried = record.retry(name, at: later)
        #expect(isTried)
        #expect(record.replicas.first?.stateSince == later && record.replicas.first?.operationID == nil)
        #expect(record.consecutiveFailures == 0)
        try serving(&record, "shop-b", at: start)
        let isServingTried = record.retry(try InstanceName("shop-b"), at: later)
        #expect(!isServingTried)
        let isUnknownTried = record.retry(try InstanceName("shop-c"), at: later)
        #expect(!isUnknownTried)
    }

    @Test("an older record decodes, without any of this")
    func compatible() throws {
        var record = try group()
        try serving(&record, "shop-a", at: start)
        #expect(record.leftReplicas == nil && record.replicas.first?.leaving == nil)
    }
}

@Suite("Whether a replica that goes is wanted back")
struct WantedBackTests {
    private func draining(_ count: Int, maximum: Int, _ change: (inout GroupRecord) -> Void) throws -> Bool {
        var record = try group(maximum: maximum)
        for index in 0..<count { try serving(&record, "shop-\(index)", at: start) }
        change(&record)
        let victim = try InstanceName("shop-0")
        record.drain(victim, for: "", at: start)
        let replica = try #require(record.replicas.first { $0.name == victim })
        return ScalingDecision.wantsBack(
            replica, DecisionInputs(record: record, incidents: [try incident(.add)], now: start))
    }

    @Test("an open alert wants it back inside the maximum, and a pin or a lowered maximum does not")
    func rules() throws {
        let alert = try draining(2, maximum: 3) { _ in }
        #expect(alert)
        let atMaximum = try draining(2, maximum: 2) { _ in }
        #expect(atMaximum)
        let pinnedBelow = try draining(2, maximum: 3) {
            $0.policy.pin = SizePin(size: 1, until: start.advanced(by: .seconds(600)), reason: "")
        }
        #expect(!pinnedBelow)
        let pinnedAt = try draining(2, maximum: 3) {
            $0.policy.pin = SizePin(size: 2, until: start.advanced(by: .seconds(600)), reason: "")
        }
        #expect(pinnedAt)
        let lowered = try draining(2, maximum: 3) { $0.policy.maximumReplicas = 1 }
        #expect(!lowered)
    }
}

@Suite("How long things have lasted")
struct AgesTests {
    @Test("a wall clock that is set neither ends nor holds anything, and a restart begins at zero or more")
    func jumps() {
        var ages = Ages()
        func age(_ now: Int64, _ elapsed: Int64) -> Duration {
            ages.age(
                of: "r", since: start, now: start.advanced(by: .seconds(now)), elapsed: .seconds(elapsed))
        }
        #expect(age(5, 100) == .seconds(5))
        #expect(age(3_605, 110) == .seconds(15), "an hour forward")
        #expect(age(-3_600, 120) == .seconds(25), "an hour back")
        var restarted = Ages()
        let behind = restarted.age(
            of: "r", since: start, now: start.advanced(by: .seconds(-3_600)), elapsed: .zero)
        #expect(behind == .zero)
        let entered = start.advanced(by: .seconds(30))
        #expect(ages.age(of: "r", since: entered, now: entered, elapsed: .seconds(130)) == .zero)
    }
}

@Suite("An incident without a closing")
struct IncidentClosingTests {
    private func alert(_ state: IncidentState) throws -> Alert {
        let name = try InstanceName("shop")
        return Alert(
            incidentID: "add-1", policyName: "p", state: state, startedAt: start, closedAt: nil,
            primaryInstance: name, group: name, replicaBaseName: "shop-", action: .add, documentation: "")
    }

    @Test("what a person closed stays closed, and its event says who and why")
    func byPerson() throws {
        var incident = try incident(.add)
        let before = incident
        let isClosed = incident.close(by: "alice", because: "the policy was deleted", at: start)
        #expect(isClosed)
        let again = incident.close(by: "bob", because: "", at: start)
        #expect(!again && incident.closedBy == "alice")
        let closed = incident
        let opened = incident.take(try alert(.open), at: start.advanced(by: .seconds(9_000)))
        let ended = incident.take(try alert(.closed), at: start.advanced(by: .seconds(9_000)))
        #expect(opened == .unchanged && ended == .unchanged && incident == closed)
        let events = FleetEvent.between(old: before, new: closed, at: start)
        #expect(events.map(\.kind) == [.incidentClosed])
        #expect(events.first?.sentence.contains("alice closed") == true)
        var expired = before
        _ = expired.close(by: "scaler", because: "nothing was heard of it for 168 h", at: start)
        let kinds = FleetEvent.between(old: before, new: expired, at: start).map(\.kind)
        #expect(kinds == [.incidentExpired])
    }

    @Test("a reminder is heard, a duplicate costs no write")
    func heard() throws {
        var incident = try incident(.add)
        let duplicate = incident.take(try alert(.open), at: start.advanced(by: .seconds(20)))
        #expect(duplicate == .unchanged && incident.heardLast == start)
        let later = start.advanced(by: .seconds(1_800))
        let reminder = incident.take(try alert(.open), at: later)
        #expect(reminder == .heard && incident.heardLast == later && incident.state == .open)
    }
}

@Suite("A part of the load")
struct PartialEvidenceTests {
    private func decide(_ basis: MetricPolicy.Basis, _ values: [Double]) throws -> ScalingDecision {
        var record = try group(maximum: 6)
        record.policy.scaleOutCooldown = .zero
        record.policy.scaleInCooldown = .zero
        var metric = MetricPolicy(
            name: "cpu", source: .cloudMonitoring(CloudMonitoringSeries(metricType: "t")), scaleOut: .init(0.6),
            scaleIn: .init(0.5))
        metric.basis = basis
        record.policy.metrics = [metric]
        for index in 0..<4 { try serving(&record, "shop-\(index)", at: start) }
        let now = start.advanced(by: .seconds(600))
        let readings = values.enumerated().map {
            LoadReading(metric: "cpu", instance: "shop-\($0.offset)", value: $0.element, measuredAt: now)
        }
        return ScalingDecision.decide(DecisionInputs(record: record, readings: readings, now: now))
    }

    @Test("two of four series remove nobody, whatever they show", arguments: MetricPolicy.Basis.allCases)
    func noEvidenceForFewer(basis: MetricPolicy.Basis) throws {
        let busy = try decide(basis, [0.9, 0.9])
        #expect(busy.direction != .in, "\(busy.sentence)")
        let idle = try decide(basis, [0.1, 0.1])
        #expect(idle.direction == nil && idle.reason == .staleMetrics, "\(idle.sentence)")
        let whole = try decide(basis, [0.1, 0.1, 0.1, 0.1])
        #expect(whole.direction == .in, "\(whole.sentence)")
    }

    @Test("two of four overloaded ones ask for more")
    func evidenceForMore() throws {
        let decision = try decide(.perReader, [0.9, 0.9])
        #expect(decision.direction == .out)
    }
}
