import FleetModel
import Foundation
import Settings
import Testing

@Suite("Policy files")
struct PolicyFileTests {
    @Test("YAML and JSON are read alike")
    func forms() throws {
        let yaml = """
            maximumReplicas: 4
            scaleOutCooldownSeconds: 60
            metrics:
              - name: cpu
                source: {kind: external}
                scaleOut: {threshold: 0.7}
                scaleIn: {threshold: 0.3}
            """
        let json = """
            {"maximumReplicas":4,"scaleOutCooldownSeconds":60,"metrics":[{"name":"cpu","source":{"kind":"external"},
             "scaleOut":{"threshold":0.7},"scaleIn":{"threshold":0.3}}]}
            """
        let policy = try PolicyFile.read(yaml, offsets: FixedUTCOffset())
        #expect(policy.metrics.first?.scaleOut.threshold == 0.7)
        #expect(try PolicyFile.read(json, offsets: FixedUTCOffset()) == policy)
    }

    @Test("every wrong field is named", arguments: ["maximumReplicas: many\ncolour: red\nvictim: 3\n"])
    func problems(yaml: String) {
        let error = #expect(throws: PolicyProblems.self) { try PolicyFile.read(yaml, offsets: FixedUTCOffset()) }
        for field in ["maximumReplicas", "colour", "victim"] {
            #expect(error?.description.contains("\(field): ") == true, "\(error?.description ?? "")")
        }
    }

    @Test("what is no document is refused", arguments: ["", "- 1", "a: [", "3"])
    func refused(yaml: String) {
        #expect(throws: PolicyProblems.self) { try PolicyFile.read(yaml, offsets: FixedUTCOffset()) }
    }
}

@Suite("The example of the manual")
struct ExamplePolicyTests {
    @Test("it is a policy that can be used, and nothing of it is left at its default by a slip")
    func example() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try String(contentsOfFile: "/\(root)/docs/examples/scaling-policy.yaml", encoding: .utf8)
        let policy = try PolicyFile.read(text, offsets: FixedZones())
        #expect(policy.metrics.count == 3 && policy.schedules.count == 1 && policy.freezes.count == 1)
        #expect(policy.lagBrake != nil && policy.budgets.actionsPerHour == 12)
        #expect(policy.step == .targetTracking(maximumOut: 3, maximumIn: 1))
    }

    /// Knows the zone of the example, on machines without zone files too.
    private struct FixedZones: UTCOffset {
        func secondsEast(of zone: String, at moment: Timestamp) -> Int? {
            zone == "Europe/Berlin" ? 3_600 : FixedUTCOffset().secondsEast(of: zone, at: moment)
        }
    }
}
