extension SettingKey {
    /// A command that reads settings.
    package enum Reader: String, CaseIterable, Sendable {
        case serve, api, ingest, scaler, notify
        case setup = "setup google"
    }

    /// The commands that read this key; the others take it and ignore it, so that all may share one file.
    package var readers: [Reader] {
        let (part, rest) = (name.prefix { $0 != "." }, name.drop { $0 != "." }.dropFirst())
        switch part {
        case "state", "events", "store", "queue", "datastore", "kms": return [.serve, .api, .ingest, .scaler]
        case "pubsub":
            let isReceiving = ["subscription", "dead-letter-topic", "maximum-attempts"].contains(rest)
            return isReceiving ? [.serve, .scaler, .setup] : [.serve, .api, .ingest, .scaler, .setup]
        case "ingest":
            return rest == "address"
                ? [.serve, .ingest, .setup] : rest == "metrics-address" ? [.ingest] : [.serve, .ingest]
        case "secretmanager": return [.serve, .ingest]
        case "api": return rest == "address" ? [.serve, .api, .scaler] : [.serve, .api]
        case "scaler":
            let isPolicy = ["cooldown-seconds", "drain-deadline-seconds", "maximum-replicas", "default-policy-file"]
                .contains(rest)
            return isPolicy ? [.serve, .api, .ingest, .scaler] : [.serve, .scaler]
        case "fleet", "watch": return [.serve, .scaler]
        case "notifications": return [.serve, .api, .scaler, .notify]
        case "monitoring": return [.serve, .scaler, .setup]
        case "cloudsql":
            return rest == "project" ? Reader.allCases.filter { $0 != .notify } : [.serve, .scaler]
        default: return Reader.allCases
        }
    }
}
