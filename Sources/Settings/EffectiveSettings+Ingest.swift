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

    /// Where the alert webhook of a role listens.
    package enum Webhook: Hashable, Sendable {
        /// The role has none.
        case none
        /// At `ingest.address`.
        case atAddress
        /// At `ingest.address`, or, where nobody set it, on all addresses at the port in the variable `PORT`, which
        /// container platforms set.
        case atPort
    }

    /// Where the webhook listens; nil where it does not, or where `PORT` is no port.
    static func webhookAddress(
        _ webhook: Webhook, _ values: [String: Value], _ environment: [String: String]
    ) -> HostAndPort? {
        let set = values["ingest.address"]
        switch webhook {
        case .none: return nil
        case .atPort where set?.source == "default":
            if let port = environment["PORT"], !port.isEmpty { return HostAndPort("0.0.0.0:\(port)") }
        case .atAddress, .atPort: break
        }
        return set.flatMap { HostAndPort($0.text) }
    }

    /// Whether notifications prove where they come from.
    package var webhookAsksForProof: Bool { Self.asksForProof(values) }

    private static func asksForProof(_ values: [String: Value]) -> Bool {
        let isOff = values["ingest.auth-enabled"].map { $0.source != "default" && $0.text != "true" } ?? false
        return values["ingest.auth-token"] != nil || (values["ingest.secret-id"] != nil && !isOff)
            || values["ingest.basic-username"] != nil || values["ingest.push-audience"] != nil
            || values["ingest.auth-enabled"]?.text == "true"
    }

    /// A webhook that anybody can reach and use is one that somebody asked for.
    static func openWebhookComplaint(
        _ webhook: Webhook, at address: HostAndPort?, _ values: [String: Value], _ environment: [String: String]
    ) -> String? {
        guard let address, !address.isLoopback, !asksForProof(values), values["ingest.allow-open"]?.text != "true",
            !isOpenByChester(webhook, values, environment)
        else { return nil }
        return "ingest.address is \"\(address)\": without a proof of where notifications come from the webhook listens "
            + "on loopback addresses only; set ingest.auth-token, ingest.secret-id, ingest.basic-username and -password or "
            + "ingest.push-audience and -email, or set ingest.allow-open to true where something else keeps strangers "
            + "away"
    }

    /// Chester's function is open unless `AUTH_ENABLED` is true, and what takes its place starts with its variables.
    private static func isOpenByChester(
        _ webhook: Webhook, _ values: [String: Value], _ environment: [String: String]
    ) -> Bool {
        guard environment["DROVER_INGEST_AUTH_ENABLED"] == nil, values["ingest.auth-enabled"]?.source != "file",
            values["ingest.auth-enabled"]?.source != "flag"
        else { return false }
        if let word = environment["AUTH_ENABLED"], !word.isEmpty { return true }
        let isItsFunction = environment["TOPIC"].map { !$0.isEmpty } ?? false
        return webhook == .atPort && values["ingest.address"]?.source == "default" && isItsFunction
    }
}
