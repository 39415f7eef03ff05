package import FleetModel
import Yams

/// A scaling policy in a YAML or JSON file; the document is the one of `/v1/groups/{group}/policy`.
package struct PolicyFile {
    /// The policy of `text`.
    /// - Throws: `SimulationError` with a line for each wrong field.
    package static func read(_ text: String, offsets: any UTCOffset) throws(SimulationError) -> ScalingPolicy {
        let policy: ScalingPolicy
        do {
            policy = try YAMLDecoder().decode(
                ScalingPolicy.self, from: text, userInfo: ScalingPolicy.strictReading)
        } catch {
            throw SimulationError(Self.describe(error))
        }
        let problems = policy.problems(offsets: offsets)
        guard problems.isEmpty else { throw SimulationError(PolicyProblems(problems: problems).description) }
        return policy
    }

    private static func describe(_ error: any Error) -> String {
        if let problems = error as? PolicyProblems { return problems.description }
        // The YAML reader wraps what a document's own reading throws.
        if case .dataCorrupted(let context)? = error as? DecodingError, let inner = context.underlyingError {
            return describe(inner)
        }
        if case .typeMismatch? = error as? DecodingError { return "the policy must be an object" }
        return "the policy is no YAML or JSON document: \(error)"
    }
}
