extension EffectiveSettings {
    /// Half of a proof would be asked of nobody, and an empty one could be given by anybody.
    static func ingestComplaints(_ values: [String: Value]) -> [String] {
        let proofs = [
            "ingest.auth-token", "ingest.secret-id", "ingest.basic-username", "ingest.basic-password",
            "ingest.push-audience", "ingest.push-email",
        ]
        let empty = proofs.filter { values[$0]?.text.isEmpty == true }.map {
            "\($0) is empty (from the \(values[$0]?.source ?? "")): leave it out where it is not wanted"
        }
        let pairs = [
            ("ingest.basic-username", "ingest.basic-password"), ("ingest.push-audience", "ingest.push-email"),
        ]
        let halves = pairs.flatMap { [$0, ($0.1, $0.0)] }.filter { values[$0.0] != nil && values[$0.1] == nil }.map {
            "\($0.0) is set and \($0.1) is not: notifications are asked for both or for none"
        }
        return empty + halves
    }
}
