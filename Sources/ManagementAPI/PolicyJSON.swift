import FleetModel

/// A group's policy in the documents of `/v1`.
enum PolicyJSON {
    /// The policy as it is shown.
    static func shown(_ policy: ScalingPolicy) -> JSONValue {
        [
            "minimumReplicas": .whole(policy.minimumReplicas), "maximumReplicas": .whole(policy.maximumReplicas),
            "scaleOutCooldownSeconds": seconds(policy.scaleOutCooldown),
            "scaleInCooldownSeconds": seconds(policy.scaleInCooldown),
            "drainDeadlineSeconds": seconds(policy.drainDeadline),
        ]
    }

    /// The policy of a document; what it leaves out is as in `standard`.
    static func read(
        _ value: JSONValue, at pointer: String, standard: ScalingPolicy
    ) -> (policy: ScalingPolicy, problems: [FieldProblem]) {
        var reader = ObjectReader(value, at: pointer)
        var policy = standard
        policy.minimumReplicas = reader.integer("minimumReplicas") ?? standard.minimumReplicas
        policy.maximumReplicas = reader.integer("maximumReplicas") ?? standard.maximumReplicas
        func pause(_ name: String, _ longest: Double, _ standard: Duration) -> Duration {
            guard let seconds = reader.seconds(name) else { return standard }
            guard (0...longest).contains(seconds) else {
                reader.note(name, "it must be 0 to \(Int(longest)) seconds")
                return standard
            }
            return .milliseconds(Int64(seconds * 1_000))
        }
        policy.scaleOutCooldown = pause("scaleOutCooldownSeconds", 86_400, standard.scaleOutCooldown)
        policy.scaleInCooldown = pause("scaleInCooldownSeconds", 86_400, standard.scaleInCooldown)
        policy.drainDeadline = pause("drainDeadlineSeconds", 604_800, standard.drainDeadline)
        reader.finish()
        return (policy, reader.problems)
    }

    private static func seconds(_ duration: Duration) -> JSONValue {
        let milliseconds = duration.wholeMilliseconds
        return milliseconds % 1_000 == 0 ? .integer(milliseconds / 1_000) : .number(Double(milliseconds) / 1_000)
    }
}
