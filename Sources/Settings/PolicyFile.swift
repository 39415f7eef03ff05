package import FleetModel
import Foundations
import Yams

/// A scaling policy in a YAML or JSON file; the document is the one of `/v1/groups/{group}/policy`.
package enum PolicyFile {
    /// The policy of `text`.
    /// - Throws: `PolicyProblems` naming each wrong field.
    package static func read(_ text: String, offsets: any UTCOffset) throws(PolicyProblems) -> ScalingPolicy {
        let policy: ScalingPolicy
        do {
            policy = try YAMLDecoder().decode(
                ScalingPolicy.self, from: text, userInfo: ScalingPolicy.strictReading)
        } catch {
            throw Self.problems(error)
        }
        let problems = policy.problems(offsets: offsets)
        guard problems.isEmpty else { throw PolicyProblems(problems: problems) }
        return policy
    }

    private static func problems(_ error: any Error) -> PolicyProblems {
        if let problems = error as? PolicyProblems { return problems }
        // The YAML reader wraps what a document's own reading throws.
        if case .dataCorrupted(let context)? = error as? DecodingError, let inner = context.underlyingError {
            return problems(inner)
        }
        if case .typeMismatch? = error as? DecodingError {
            return PolicyProblems(problems: [PolicyProblem("", "the policy must be an object")])
        }
        return PolicyProblems(
            problems: [PolicyProblem("", "the policy is no YAML or JSON document: \(YAMLProblem.sentence(error))")])
    }
}
