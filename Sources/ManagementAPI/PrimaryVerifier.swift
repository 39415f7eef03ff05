import FleetModel
import HTTPTypes
import Pacing

/// Asks the provider about the primary of a group that is being registered, for a few seconds and no longer: a provider
/// that does not answer keeps nobody from registering.
struct PrimaryVerifier: Sendable {
    let provider: any PrimaryLookup
    let clock: any Clock<Duration>
    var deadline = Duration.seconds(4)

    /// What the provider says of `primary`, or why it said nothing.
    func sight(of primary: InstanceName) async -> PrimarySight {
        do {
            return try await withDeadline(deadline, clock: clock) { [provider] in
                try await provider.primary(named: primary).map { .found($0) } ?? .missing
            }
        } catch let error as ProviderError {
            return .unknown("\(error)")
        } catch is DeadlineExceeded {
            return .unknown("it did not answer within \(deadline.components.seconds) s")
        } catch {
            return .unknown("the call was given up")
        }
    }
}

extension APIError {
    /// The stable code of a primary that no replica can be made of.
    static let unusablePrimary = "primary-unusable"

    /// No replica of the primary of `record` can ever be made.
    init(_ refusals: [String], primaryOf record: GroupRecord) {
        self.init(
            status: 422,
            message:
                "Drover could never add a replica to \(record.name): \(refusals.joined(separator: "; ")). Nothing was "
                + "changed. Mend the primary, let Drover add none (policy.maximumReplicas 0), or repeat the call with "
                + "?verify=false (drover ctl: --no-verify)")
        code = Self.unusablePrimary
        problems = refusals.map { FieldProblem(pointer: "/primaryInstance", detail: $0) }
    }
}

extension HTTPFields {
    /// Warnings beside a body whose shape is somebody else's (`Warning`, RFC 7234, 5.5).
    init(warnings: [String]) {
        self.init()
        guard !warnings.isEmpty, let name = HTTPField.Name("Warning") else { return }
        // What came from outside may hold anything, and a header only text on one line.
        self[values: name] = warnings.prefix(10).map { warning in
            let text = warning.prefix(1_000).unicodeScalars.map { scalar in
                (32...126).contains(scalar.value) && scalar != "\"" && scalar != "\\" ? String(scalar) : "'"
            }
            return "299 drover \"\(text.joined())\""
        }
    }
}
