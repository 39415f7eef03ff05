import FleetModel
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
