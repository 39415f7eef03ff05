/// What a replica's next step makes of what it sees. Each wait has an end: past its deadline the instance itself is
/// looked at, and past the last deadline the replica fails or is left to its owner.
package enum ReplicaVerdict: Hashable, Sendable {
    /// Nothing to do yet; the text says for what, and `isTold` whether people must hear of it.
    case waits(String, isTold: Bool = false)
    /// The operation tells nothing: look at the instance itself.
    case looks
    /// The step is done.
    case proceeds
    /// The call is made again.
    case repeats
    /// It will never serve.
    case fails(String)
    /// Its instance is left to its owner.
    case leaves(String)
    /// The instance does not exist.
    case gone
}

/// The provider's operation, as a step sees it.
package enum OperationSight: Hashable, Sendable {
    /// It has not ended.
    case underWay
    /// It has ended, with why when it failed.
    case ended(failure: String?)
    /// The provider knows it no more.
    case forgotten
}

/// The deadlines of a replica's life, and what follows from them: pure, so that each state can be tried with
/// everything that can be seen in it.
package struct ReplicaWalk: Hashable, Sendable {
    /// After this a step no longer waits for its operation alone.
    package var operationDeadline: Duration
    /// After this a replica that is not fit to serve is given up.
    package var admissionDeadline: Duration
    /// How long an instance may be missing right after its creation.
    package static let absenceGrace = Duration.seconds(120)

    /// Makes a rule.
    package init(operationDeadline: Duration, admissionDeadline: Duration) {
        self.operationDeadline = operationDeadline
        self.admissionDeadline = admissionDeadline
    }

    /// After this nothing of the provider is waited for: four times `operationDeadline`, because replicas of large
    /// primaries take hours.
    package var lastDeadline: Duration { operationDeadline * 4 }

    // MARK: Creating

    /// `planned`: the create call was refused.
    package func refusedCreation(_ error: ProviderError, after age: Duration) -> ReplicaVerdict {
        guard error.isRetryable else { return .fails("\(error)") }
        guard age > operationDeadline else { return .waits("\(error)") }
        return .fails("it could not be created for \(age.inWords): \(error)")
    }

    /// `creating`, by its operation.
    package func creation(_ operation: OperationSight, after age: Duration) -> ReplicaVerdict {
        switch operation {
        case .ended(let failure?): .fails(failure)
        case .ended(nil), .forgotten: .proceeds
        case .underWay: age > operationDeadline ? .looks : .waits("the create operation has not ended")
        }
    }

    /// `creating`, by the instance, because its operation does not end.
    package func creation(lookedAt instance: ProviderInstance?, after age: Duration) -> ReplicaVerdict {
        let late = "its create operation has not ended for \(age.inWords)"
        guard let instance else { return .fails("\(late), and the instance does not exist") }
        switch instance.state {
        case .runnable: return .proceeds
        case .failed: return .fails("the instance is FAILED")
        case .deleting: return .fails("somebody deletes the instance")
        case .creating, .other:
            guard age <= lastDeadline else { return .fails("\(late), and the instance is \(instance.state.word)") }
            return .waits("the instance is \(instance.state.word), and its operation does not end", isTold: true)
        }
    }

    // MARK: Starting

    /// `starting`: whether the instance can be asked how it replicates.
    package func start(
        _ instance: ProviderInstance?, primary: InstanceName, after age: Duration
    ) -> ReplicaVerdict {
        guard let instance else {
            return age > Self.absenceGrace
                ? .fails("it does not exist after its creation") : .waits("the instance does not exist yet")
        }
        switch instance.state {
        case .failed: return .fails("the instance is FAILED")
        case .deleting: return .fails("somebody deletes the instance")
        case .runnable where instance.primary != primary.text:
            return .fails("it replicates from \(instance.primary ?? "nothing")")
        case .runnable:
            guard instance.privateAddress == nil else { return .proceeds }
            return admission("the instance is RUNNABLE and has no private address", after: age)
        case .creating, .other: return admission("the instance is \(instance.state.word)", after: age)
        }
    }

    private func admission(_ lack: String, after age: Duration) -> ReplicaVerdict {
        age > admissionDeadline
            ? .fails("it was not fit to serve for \(age.inWords): \(lack)")
            : .waits(lack, isTold: age > Self.absenceGrace)
    }

    // MARK: Draining

    /// `draining`, once every node that may be alive has answered.
    /// - Parameters:
    ///   - own: connections in use from the group's own hostgroups; they are cut at `deadline`.
    ///   - foreign: who else uses the instance; it is not deleted under them.
    package func drain(
        own: Int, foreign: [String], deadline: Duration, isLeaving: Bool, after age: Duration
    ) -> ReplicaVerdict {
        if own > 0, age < deadline { return .waits("\(own) connections in use") }
        guard !foreign.isEmpty, !isLeaving else { return .proceeds }
        let users = foreign.joined(separator: ", ")
        guard age < deadline + operationDeadline else { return .leaves("\(users) still used it") }
        return .waits("\(users) uses it: take that row away, or forget the replica", isTold: true)
    }

    // MARK: Deleting

    /// `deleting`, by its operation.
    package func deletion(_ operation: OperationSight, after age: Duration) -> ReplicaVerdict {
        switch operation {
        case .ended: .looks
        case .forgotten: .repeats
        case .underWay: age > operationDeadline ? .looks : .waits("the delete operation has not ended")
        }
    }

    /// `deleting`, by the instance, after an operation that ended, failed or never ends.
    package func deletion(
        lookedAt instance: ProviderInstance?, _ operation: OperationSight, after age: Duration
    ) -> ReplicaVerdict {
        guard instance != nil else { return .gone }
        let what =
            switch operation {
            case .ended(let failure?): "its deletion failed: \(failure)"
            case .underWay: "its delete operation has not ended for \(age.inWords)"
            case .ended(nil), .forgotten: "it still exists after its deletion"
            }
        guard age <= lastDeadline else { return .leaves(what) }
        return operation == .underWay ? .waits("its delete operation does not end", isTold: true) : .repeats
    }

    /// `deleting`: the call, or a look, was refused.
    package func refusedDeletion(_ error: ProviderError, after age: Duration) -> ReplicaVerdict {
        switch error.code {
        case .notOurs: return .leaves(error.message)
        case .notFound: return .repeats
        // Nothing is known of the instance, so nothing may be concluded.
        case .unavailable, .rateLimited: return .waits("\(error)", isTold: age > operationDeadline)
        case .operationInProgress, .alreadyExists, .quotaExceeded, .permissionDenied, .invalid:
            guard age <= lastDeadline else { return .leaves("it could not be deleted for \(age.inWords): \(error)") }
            return .waits("\(error)", isTold: !error.isRetryable || age > operationDeadline)
        }
    }
}

// MARK: Serving

/// What the provider says of a replica that serves.
package enum ServingSight: Hashable, Sendable {
    /// It is as it should be, or in a state that passes.
    case fine
    /// The provider knows no such instance.
    case missing
    /// It will serve no more.
    case lost(String)
    /// It was promoted: what it holds goes its own way from now on.
    case promoted
    /// It replicates from somebody else's primary.
    case reparented(String)
    /// It has another private address.
    case moved(String)

    /// Judges `instance`, which serves at `address` for a group of `primary`.
    package init(_ instance: ProviderInstance?, primary: InstanceName, address: String?) {
        guard let instance else {
            self = .missing
            return
        }
        switch instance.state {
        case .failed: self = .lost("the instance is FAILED")
        case .deleting: self = .lost("somebody deletes the instance")
        case .creating, .other: self = .fine
        case .runnable:
            if let source = instance.primary, source != primary.text {
                self = .reparented(source)
            } else if instance.primary == nil {
                self = .promoted
            } else if let now = instance.privateAddress, let address, now != address {
                self = .moved(now)
            } else {
                self = .fine
            }
        }
    }
}

extension ProviderInstance.State {
    /// Cloud SQL's word.
    package var word: String {
        switch self {
        case .runnable: "RUNNABLE"
        case .creating: "PENDING_CREATE"
        case .deleting: "PENDING_DELETE"
        case .failed: "FAILED"
        case .other(let word): word
        }
    }
}

extension Duration {
    /// For people: seconds, then minutes, then hours.
    var inWords: String {
        let seconds = wholeMilliseconds / 1_000
        let minutes = seconds / 60
        guard minutes >= 2 else { return "\(seconds) seconds" }
        return minutes < 120 ? "\(minutes) minutes" : "\(minutes / 60) hours"
    }
}
