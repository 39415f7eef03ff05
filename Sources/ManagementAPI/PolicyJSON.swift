import FleetModel
import JSONValues
import Pacing

/// A group's policy in the documents of `/v1`: the same document as in files.
enum PolicyJSON {
    private static let zones = SystemTimeZones()

    /// The policy as it is shown.
    static func shown(_ policy: ScalingPolicy) -> JSONValue {
        (try? JSONValue(encoding: policy)) ?? .null
    }

    /// The policy of a document; what it leaves out is as in `standard`.
    static func read(
        _ value: JSONValue, at pointer: String, standard: ScalingPolicy
    ) -> (policy: ScalingPolicy, problems: [FieldProblem]) {
        guard case .object = value else {
            return (standard, [FieldProblem(pointer: pointer, detail: "it must be an object")])
        }
        do {
            let policy = try shown(standard).merging(value)
                .decoded(ScalingPolicy.self, userInfo: ScalingPolicy.strictReading)
            return (policy, problems(policy, at: pointer))
        } catch let error as PolicyProblems {
            return (standard, error.problems.map { field($0, at: pointer) })
        } catch {
            return (standard, [FieldProblem(pointer: pointer, detail: "it cannot be read as a policy")])
        }
    }

    /// What is wrong with `policy`, which stands at `pointer`.
    static func problems(_ policy: ScalingPolicy, at pointer: String) -> [FieldProblem] {
        policy.problems(offsets: zones).map { field($0, at: pointer) }
    }

    /// `metrics[0].scaleOut` as `/policy/metrics/0/scaleOut`.
    private static func field(_ problem: PolicyProblem, at pointer: String) -> FieldProblem {
        let parts = problem.field.split { $0 == "." || $0 == "[" || $0 == "]" }
        return FieldProblem(
            pointer: ([pointer] + parts.map(String.init)).joined(separator: "/"), detail: problem.message)
    }
}
