/// The replicas of ours that could be removed, in the order of the policy's choice.
struct Victims {
    /// Serving replicas, the first choice first; replicas that are alike go by name, so that the choice does not
    /// depend on the order of the record.
    let all: [ReplicaRecord]

    /// - Parameters:
    ///   - load: what is known of the load of single instances, by name.
    ///   - lags: seconds behind by instance; negative where replication is not running, which is the worst.
    init(record: GroupRecord, load: [String: Double], lags: [String: Double]) {
        /// Smaller goes first. What is not known counts as neither idle nor lagging, so that the youngest of those goes.
        func rank(_ replica: ReplicaRecord) -> Double {
            switch record.policy.victimChoice {
            case .youngest, .oldest: return 0
            case .leastLoaded: return load[replica.name.text] ?? .infinity
            case .mostLagging:
                guard let lag = lags[replica.name.text] else { return .infinity }
                return lag < 0 ? -.infinity : -lag
            }
        }
        let isOldestFirst = record.policy.victimChoice == .oldest
        /// What is out of the traffic costs nobody anything, and what is unfit is the worst to read from.
        func fitness(_ replica: ReplicaRecord) -> Int {
            if record.isSidelined(replica.name.text) { return 0 }
            return record.unfit(replica.name.text)?.phase == .unfit ? 1 : 2
        }
        all = record.replicas.filter { $0.state == .serving }.sorted { left, right in
            let (leftFitness, rightFitness) = (fitness(left), fitness(right))
            if leftFitness != rightFitness { return leftFitness < rightFitness }
            let (leftRank, rightRank) = (rank(left), rank(right))
            if leftRank != rightRank { return leftRank < rightRank }
            if left.plannedAt != right.plannedAt {
                return isOldestFirst == (left.plannedAt < right.plannedAt)
            }
            return isOldestFirst ? left.name < right.name : left.name > right.name
        }
    }
}
