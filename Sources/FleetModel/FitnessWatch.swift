/// What the looks at a group's readers come to: fit, suspect, unfit, sidelined, on the way back.
///
/// ```
/// fit → suspect → unfit (told) → sidelined → returning → fit
///                       ↘ replaced (a new replica serves first)
/// ```
///
/// Looks are counted here and lost with the process; what was concluded from them is in the group's record. So after a
/// restart nothing is undone, and every step waits for new evidence: it holds for longer, never for less.
package struct FitnessWatch: Hashable, Sendable {
    /// What one look says about one reader.
    package enum Finding: Hashable, Sendable {
        /// It may serve.
        case fit
        /// It is behind by no more than is allowed, and by too much to be let back in.
        case between
        /// It should not serve.
        case unfit(UnfitCode, String)
        /// Nothing; the text says why.
        case unknown(String)

        /// Judges one look on its own.
        init(_ health: ReplicationHealth, maximumLag: Duration) {
            switch health {
            case .replicating(let lag) where lag > maximumLag:
                self = .unfit(.lagging, "\(health.sentence), and \(maximumLag.wholeMilliseconds / 1_000) s are allowed")
            case .replicating(let lag): self = lag * 2 <= maximumLag || lag <= .seconds(1) ? .fit : .between
            case .stopped(let reason): self = .unfit(.stopped, reason)
            case .unreachable(let reason): self = .unfit(.unreachable, reason)
            case .unknown(let reason): self = .unknown(reason)
            }
        }

        /// What is wrong, where something is.
        package var code: UnfitCode? {
            guard case .unfit(let code, _) = self else { return nil }
            return code
        }
    }

    /// What was done in one pass, for the log of decisions.
    package struct Step: Hashable, Sendable {
        /// The rule.
        package var reason: ScalingDecision.Reason
        /// The reader.
        package var reader: String
        /// Why, for people.
        package var detail: String
    }

    private struct Count: Hashable, Sendable {
        var finding = Finding.unknown("it was not looked at yet")
        /// Looks in a row that found it unfit, for whatever reason.
        var bad = 0
        /// Those at the end of the row that gave the same reason.
        var same = 0
        var good = 0
        /// When the row of bad ones began, and that of the same reason.
        var since: Timestamp?
        var sameSince: Timestamp?
    }

    private var counts: [String: Count] = [:]

    /// Makes the watch of a group whose readers were not looked at.
    package init() {}

    // MARK: Looks

    /// Takes one round of looks.
    /// - Parameters:
    ///   - looks: by the servers' names; a reader that is missing was not looked at.
    ///   - reparented: replicas that another primary has by the provider's word, with its name.
    package mutating func take(
        _ looks: [String: ReplicationHealth], reparented: [String: String] = [:], of record: GroupRecord,
        at now: Timestamp
    ) {
        let watched = record.watchedReaders.map(\.name)
        counts = counts.filter { watched.contains($0.key) }
        let limit = record.maximumLag
        var findings: [String: Finding] = [:]
        for name in watched {
            if let health = looks[name] { findings[name] = Finding(health, maximumLag: limit) }
        }
        // Where none of them answers, whoever asks is the more likely cause.
        if !findings.isEmpty, findings.values.allSatisfy({ $0.code == .unreachable }) {
            for name in findings.keys { findings[name] = .unknown("no reader of the group answers") }
        }
        for name in watched {
            if let other = reparented[name] { findings[name] = .unfit(.reparented, "it replicates from \(other)") }
        }
        for (name, finding) in findings { count(finding, of: name, at: now) }
    }

    private mutating func count(_ finding: Finding, of name: String, at now: Timestamp) {
        var count = counts[name] ?? Count()
        let before = count.finding.code
        count.finding = finding
        switch finding {
        case .unfit(let code, _):
            if count.bad == 0 { count.since = now }
            if before != code || count.same == 0 { (count.same, count.sameSince) = (0, now) }
            count.bad = count.bad.clampedSum(1)
            count.same = count.same.clampedSum(1)
            count.good = 0
        case .fit:
            count.good = count.good.clampedSum(1)
            (count.bad, count.same) = (0, 0)
        case .between, .unknown:
            (count.bad, count.same, count.good) = (0, 0, 0)
        }
        counts[name] = count
    }

    /// What the last look at the reader said; nil for one that was not looked at.
    package func finding(_ name: String) -> Finding? { counts[name]?.finding }

    /// Whether enough looks in a row found the reader unfit, the last one among them.
    package func isProven(_ name: String, by policy: FitnessPolicy) -> Bool {
        (counts[name]?.bad ?? 0) >= max(1, policy.samplesOut)
    }

    /// Whether a look speaks against the reader without being enough.
    package func isSuspect(_ name: String) -> Bool { (counts[name]?.bad ?? 0) > 0 }

    // MARK: What follows

    /// Brings the record up to what the looks have shown. A second call without further looks changes nothing.
    ///
    /// - Parameters:
    ///   - ramp: how a sidelined replica gets its share back.
    ///   - isMeasured: false where nothing looks at readers any more: then nobody is kept out.
    ///   - age: how long a thing has lasted since a moment, by a clock that nobody sets.
    /// - Returns: what was done.
    package func judge(
        _ record: inout GroupRecord, ramp: AdmissionRule, isMeasured: Bool = true, at now: Timestamp,
        age: (_ subject: String, _ since: Timestamp) -> Duration
    ) -> [Step] {
        let policy = record.policy.fitness ?? FitnessPolicy(isActing: false)
        var steps: [Step] = []
        Self.tidy(&record)
        for server in record.watchedReaders.sorted(by: { $0.name < $1.name }) {
            if !isMeasured {
                steps += Self.giveUp(server, &record)
                continue
            }
            steps += mark(server, &record, policy, at: now)
            steps += giveBack(server, &record, policy, ramp, at: now)
            steps += rampUp(server, &record, ramp, at: now, age: age)
        }
        if isMeasured { steps += sideline(&record, policy, at: now) }
        noteCommonTrouble(&record, policy, at: now)
        return steps
    }

    /// Forgets readers that are none any more, and what somebody else undid.
    private static func tidy(_ record: inout GroupRecord) {
        let servers = Dictionary(
            record.configuration.servers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for unfit in record.unfitReaders ?? [] {
            guard let server = servers[unfit.name], server.origin != .primary else {
                record.note(nil, of: unfit.name)
                continue
            }
            let isGoing = record.replicas.contains { $0.name.text == unfit.name && $0.state != .serving }
            if unfit.sidelinedAt != nil, server.status == .online, !isGoing {
                var seen = unfit
                seen.sidelinedAt = nil
                record.note(seen, of: unfit.name)
            }
        }
    }

    /// Nothing looks at readers any more, so that nothing is known against any.
    private static func giveUp(_ server: BackendServer, _ record: inout GroupRecord) -> [Step] {
        guard let unfit = record.unfit(server.name) else { return [] }
        let isOut = record.isSidelined(server.name)
        if isOut || unfit.returningSince != nil {
            record.want(server.name, .online, weight: unfit.fullWeight)
        }
        record.note(nil, of: server.name)
        return [Step(reason: .returning, reader: server.name, detail: "nothing measures its replication any more")]
    }

    /// Notes a reader that was found unfit, and why it is so now.
    private func mark(
        _ server: BackendServer, _ record: inout GroupRecord, _ policy: FitnessPolicy, at now: Timestamp
    ) -> [Step] {
        guard let count = counts[server.name], case .unfit(let code, let detail) = count.finding else { return [] }
        let enough = max(1, policy.samplesOut)
        guard var unfit = record.unfit(server.name) else {
            guard count.bad >= enough else { return [] }
            var new = UnfitReader(name: server.name, code: code, detail: detail, since: count.since ?? now)
            if code.isForReplacement { new.stoppedSince = count.sameSince ?? now }
            record.note(new, of: server.name)
            return [Step(reason: .readerUnfit, reader: server.name, detail: new.sentence)]
        }
        let isOther = unfit.code != code.rawValue && count.same >= enough
        let fellBack = unfit.returningSince != nil && count.bad >= enough
        guard isOther || fellBack else { return [] }
        if fellBack {
            unfit.returningSince = nil
            unfit.since = count.since ?? now
            unfit.stoppedSince = nil
            record.want(server.name, .online, weight: unfit.fullWeight)
            unfit.fullWeight = nil
        }
        unfit.code = code.rawValue
        unfit.detail = detail
        unfit.stoppedSince = code.isForReplacement ? unfit.stoppedSince ?? count.sameSince ?? now : nil
        record.note(unfit, of: server.name)
        return [Step(reason: .readerUnfit, reader: server.name, detail: unfit.sentence)]
    }

    /// A reader that was fit often enough comes back, as does one that Drover may not keep out any more.
    private func giveBack(
        _ server: BackendServer, _ record: inout GroupRecord, _ policy: FitnessPolicy, _ ramp: AdmissionRule,
        at now: Timestamp
    ) -> [Step] {
        guard var unfit = record.unfit(server.name), unfit.returningSince == nil else { return [] }
        let isFit = (counts[server.name]?.good ?? 0) >= max(1, policy.samplesIn)
        guard record.isSidelined(server.name) else {
            guard isFit else { return [] }
            record.note(nil, of: server.name)
            return [Step(reason: .returning, reader: server.name, detail: "it is fit again")]
        }
        // Where Drover may not act, as in a dry run, it keeps nobody out either.
        guard isFit || !record.mayGuard(server) else { return [] }
        unfit.sidelinedAt = nil
        unfit.waitsFor = nil
        if isFit { unfit.stoppedSince = nil }
        guard isFit else {
            record.want(server.name, .online)
            record.note(unfit, of: server.name)
            return [Step(reason: .returning, reader: server.name, detail: "Drover may not keep it out any more")]
        }
        if server.origin == .managed {
            unfit.returningSince = now
            unfit.fullWeight = server.weight
            record.want(server.name, .online, weight: ramp.weight(after: 0, full: server.weight) ?? server.weight)
            record.note(unfit, of: server.name)
        } else {
            // Its weight is a person's.
            record.want(server.name, .online)
            record.note(nil, of: server.name)
        }
        return [Step(reason: .returning, reader: server.name, detail: "it is fit again")]
    }

    /// Raises the share of a reader that is on its way back.
    private func rampUp(
        _ server: BackendServer, _ record: inout GroupRecord, _ ramp: AdmissionRule, at now: Timestamp,
        age: (_ subject: String, _ since: Timestamp) -> Duration
    ) -> [Step] {
        guard var unfit = record.unfit(server.name), let since = unfit.returningSince, since != now,
            !isSuspect(server.name)
        else { return [] }
        // The configuration may have changed since `server` was read.
        let weight = record.configuration.servers.first { $0.name == server.name }?.weight ?? server.weight
        guard let next = ramp.weight(after: weight, full: unfit.fullWeight ?? weight) else {
            record.note(nil, of: server.name)
            return []
        }
        guard age("return of \(server.name)", since) >= ramp.rampInterval else { return [] }
        record.want(server.name, .online, weight: next)
        unfit.returningSince = now
        record.note(unfit, of: server.name)
        return []
    }

    // MARK: Taking out

    /// Takes unfit readers out of the traffic, the worst first, as long as enough others stay.
    private func sideline(
        _ record: inout GroupRecord, _ policy: FitnessPolicy, at now: Timestamp
    ) -> [Step] {
        var steps: [Step] = []
        let candidates = record.watchedReaders.filter { server in
            guard let unfit = record.unfit(server.name), unfit.returningSince == nil else { return false }
            return server.status == .online && isProven(server.name, by: policy)
        }.sorted { left, right in
            let (one, other) = (severity(left.name), severity(right.name))
            return one == other ? left.name < right.name : one > other
        }
        for server in candidates where record.mayGuard(server) {
            guard var unfit = record.unfit(server.name) else { continue }
            switch hold(server, record, policy) {
            case .forNow: continue
            case .told(let reason):
                guard unfit.waitsFor != reason else { continue }
                unfit.waitsFor = reason
            case nil:
                unfit.sidelinedAt = now
                unfit.waitsFor = nil
                record.want(server.name, .offlineSoft)
                steps.append(Step(reason: .sidelined, reader: server.name, detail: unfit.sentence))
            }
            record.note(unfit, of: server.name)
        }
        return steps
    }

    /// Why an unfit reader stays in the traffic.
    private enum Hold {
        /// Others are suspect; the next looks will tell.
        case forNow
        /// People must hear of it.
        case told(String)
    }

    private func severity(_ name: String) -> Int { counts[name]?.finding.code?.severity ?? -1 }

    /// - Returns: nil when the reader may be taken out.
    private func hold(_ server: BackendServer, _ record: GroupRecord, _ policy: FitnessPolicy) -> Hold? {
        // One that takes no reads protects nobody by staying.
        guard server.weight > 0 else { return nil }
        let readers = record.watchedReaders.filter { $0.weight > 0 }
        let others = readers.filter { $0.name != server.name && $0.status == .online && record.unfit($0.name) == nil }
        guard !others.isEmpty else { return .told("no other reader is known to be fit") }
        guard others.contains(where: { !isSuspect($0.name) }) else { return .forNow }
        let most = policy.mostSidelined(of: readers.count)
        let unfit = readers.filter { record.unfit($0.name).map { $0.phase != .returning } ?? false }
        guard unfit.count <= most else {
            return .told("\(unfit.count) of \(readers.count) readers are unfit at once, and \(most) may be sidelined")
        }
        let suspects = readers.count { reader in
            isSuspect(reader.name) && !unfit.contains { $0.name == reader.name }
        }
        return unfit.count + suspects <= most ? nil : .forNow
    }

    /// Says when more readers than may be sidelined are unfit at the same time.
    private func noteCommonTrouble(_ record: inout GroupRecord, _ policy: FitnessPolicy, at now: Timestamp) {
        let readers = record.watchedReaders.filter { $0.weight > 0 }
        let unfit = readers.filter { record.unfit($0.name).map { $0.phase != .returning } ?? false }
        guard unfit.count > max(1, policy.mostSidelined(of: readers.count)) else {
            record.commonTrouble = nil
            return
        }
        let names = unfit.map(\.name).sorted()
        record.commonTrouble = CommonTrouble(since: record.commonTrouble?.since ?? now, readers: names)
    }
}
