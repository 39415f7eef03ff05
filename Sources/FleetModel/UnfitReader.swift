/// Why a reader is not fit to serve; the raw value is used in logs, events, metrics and the API.
package enum UnfitCode: String, Hashable, Sendable, CaseIterable {
    /// It is further behind its primary than the group allows.
    case lagging = "replica-lagging"
    /// It answers and does not replicate.
    case stopped = "replication-stopped"
    /// It does not answer, while other readers do.
    case unreachable = "replica-unreachable"
    /// The provider says that it replicates from another primary.
    case reparented = "replica-reparented"

    /// Whether what it holds only grows older, so that a new replica is the way out.
    package var isForReplacement: Bool { self == .stopped || self == .unreachable }

    /// The worst goes first.
    var severity: Int {
        switch self {
        case .reparented: 3
        case .stopped: 2
        case .unreachable: 1
        case .lagging: 0
        }
    }
}

/// A reader that was found unfit to serve, as it is stored with its group until it is fit again or gone.
///
/// It stands beside the replica's state, which stays `serving`: a version that does not know it reads a serving replica
/// whose row is OFFLINE_SOFT, keeps both as they are, and drains and deletes it like any other.
package struct UnfitReader: Hashable, Codable, Sendable {
    /// The server's name in the configuration.
    package var name: String
    /// Why, an `UnfitCode`; a text, so that a later version may know more.
    package var code: String
    /// What was seen, as a clause.
    package var detail: String
    /// When the looks began that found it unfit.
    package var since: Timestamp
    /// Since when it has not replicated; nil while it only lags.
    package var stoppedSince: Timestamp?
    /// When it was taken out of the traffic; nil while it is only told.
    package var sidelinedAt: Timestamp?
    /// When its present share was given to it on its way back; nil while it is not on the way.
    package var returningSince: Timestamp?
    /// The share at the end of that way.
    package var fullWeight: Int?
    /// What keeps Drover from the next step, as a clause; nil when nothing does.
    package var waitsFor: String?

    /// Makes the note of a reader that was just found unfit.
    package init(name: String, code: UnfitCode, detail: String, since: Timestamp) {
        self.name = name
        self.code = code.rawValue
        self.detail = detail
        self.since = since
        self.stoppedSince = code.isForReplacement ? since : nil
    }

    /// Where it is: one word for people and tools.
    package var phase: Phase {
        if returningSince != nil { return .returning }
        return sidelinedAt == nil ? .unfit : .sidelined
    }

    /// Where an unfit reader is.
    package enum Phase: String, Hashable, Sendable, CaseIterable {
        /// It was found unfit and still takes reads.
        case unfit
        /// It takes no new connections.
        case sidelined
        /// It is fit again and its share grows.
        case returning
    }

    /// What is wrong, for people.
    package var sentence: String { "\(code): \(detail)" }
}

/// Trouble that so many readers have at the same time that it is not theirs.
package struct CommonTrouble: Hashable, Codable, Sendable {
    /// Since when.
    package var since: Timestamp
    /// The readers that have it, by name.
    package var readers: [String]

    /// Makes the note.
    package init(since: Timestamp, readers: [String]) {
        self.since = since
        self.readers = readers
    }
}

extension GroupRecord {
    /// What is known against the reader `name`; nil for one that is fit, as far as anybody knows.
    package func unfit(_ name: String) -> UnfitReader? {
        unfitReaders?.first { $0.name == name }
    }

    /// Whether the reader `name` is out of the traffic because it is unfit.
    package func isSidelined(_ name: String) -> Bool {
        guard unfit(name)?.sidelinedAt != nil else { return false }
        return configuration.servers.contains { $0.name == name && $0.status == .offlineSoft }
    }

    /// The managed replicas that serve and take reads: what is sidelined is no capacity.
    package var servingCount: Int {
        replicas.count { $0.state == .serving && !isSidelined($0.name.text) }
    }

    /// The managed replicas that are sidelined.
    package var sidelinedCount: Int {
        replicas.count { $0.state == .serving && isSidelined($0.name.text) }
    }

    /// The lag above which a reader is not fit.
    package var maximumLag: Duration {
        max(.seconds(1), policy.fitness?.maximumLag ?? FitnessPolicy.defaultMaximumLag)
    }

    /// The readers that are looked at while they serve: managed ones that serve, and configured ones that a person
    /// wants ONLINE.
    package var watchedReaders: [BackendServer] {
        let states = Dictionary(replicas.map { ($0.name.text, $0.state) }, uniquingKeysWith: { first, _ in first })
        let primaries = configuration.servers.filter { $0.origin == .primary }
        var seen: Set<String> = []
        return configuration.servers.filter { server in
            guard server.hostgroup == configuration.readerHostgroup, server.origin != .primary,
                !primaries.contains(where: { $0.address == server.address && $0.port == server.port }),
                seen.insert(server.name).inserted
            else { return false }
            if let state = states[server.name] { return state == .serving }
            return server.status == .online || isSidelined(server.name)
        }
    }

    /// Whether Drover may sideline the reader; it may do so with its own, and with others where the group says so.
    func mayGuard(_ server: BackendServer) -> Bool {
        guard let fitness = policy.fitness, fitness.isActing, !policy.isDryRun else { return false }
        return server.origin == .managed
            ? replicas.contains { $0.name.text == server.name } : fitness.guardsConfigured
    }

    /// Changes what is known against the reader `name`; nil takes it away.
    mutating func note(_ unfit: UnfitReader?, of name: String) {
        var all = unfitReaders ?? []
        let index = all.firstIndex { $0.name == name }
        switch (index, unfit) {
        case (let index?, let unfit?): all[index] = unfit
        case (let index?, nil): all.remove(at: index)
        case (nil, let unfit?): all.append(unfit)
        case (nil, nil): return
        }
        unfitReaders = all.isEmpty ? nil : all
    }

    /// Wants the reader `name` in `status`, with `weight` where one is given: a new generation if that is news.
    mutating func want(_ name: String, _ status: BackendServer.Status, weight: Int? = nil) {
        let before = configuration.servers
        for index in configuration.servers.indices
        where configuration.servers[index].name == name
            && configuration.servers[index].hostgroup == configuration.readerHostgroup
        {
            configuration.servers[index].status = status
            if let weight { configuration.servers[index].weight = weight }
        }
        if configuration.servers != before { configuration.generation += 1 }
    }
}
