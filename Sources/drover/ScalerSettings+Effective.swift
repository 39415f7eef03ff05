import ArgumentParser
import FleetModel
import GoogleCloud
import Logging
import MySQLWire
import Pacing
import Scaler
import Settings

extension ScalerSettings {
    /// What the keys under `scaler.` say.
    init(_ settings: EffectiveSettings) {
        self.init(
            operationPoll: settings.seconds("scaler.poll-seconds"),
            publicationRetry: min(.seconds(1), settings.seconds("scaler.poll-seconds")),
            resync: settings.seconds("scaler.resync-seconds"),
            operationDeadline: settings.seconds("scaler.operation-deadline-seconds"),
            queuePoll: .milliseconds(250), inventoryPeriod: settings.seconds("scaler.inventory-seconds"),
            admission: AdmissionRule(
                lagLimit: settings.seconds("scaler.admission-lag-seconds"),
                samples: settings.integer("scaler.admission-samples"),
                deadline: settings.seconds("scaler.admission-deadline-seconds"),
                // By a rollout, each step would replace every pod.
                rampDuration: settings.text("fleet.strategy") == "rollout"
                    ? .zero : settings.seconds("scaler.ramp-seconds"),
                rampSteps: settings.integer("scaler.ramp-steps")))
        nodeRestart = settings.seconds("scaler.node-restart-seconds")
        incidentMaximumAge = settings.seconds("scaler.incident-max-age-seconds")
    }
}

extension EffectiveSettings {
    /// What says how replicas replicate, by `scaler.replication-source`.
    /// - Throws: when the account is asked for and not set, or the file of the certificate authority cannot be read.
    func replicationProbe(_ monitoring: MonitoringLoad, _ logger: Logger) throws -> (any ReplicationProbe)? {
        let username = optionalText("scaler.monitor-username")
        let isGoogle = text("cloudsql.endpoint").hasSuffix(".googleapis.com")
        let source =
            optionalText("scaler.replication-source")
            ?? (username != nil ? "account" : isGoogle ? "monitoring" : "none")
        switch source {
        case "account":
            guard let username else {
                throw ValidationError("scaler.replication-source is account and scaler.monitor-username is not set")
            }
            return MySQLReplicationProbe(
                username: username, password: secret("scaler.monitor-password") ?? Secret(""),
                tls: try clientTLS("scaler.monitor-tls", "scaler.monitor-allow-public-key-retrieval"),
                timeout: .seconds(5), logger: logger)
        case "monitoring":
            logger.notice("replication of new replicas is judged by Cloud Monitoring, whose samples are minutes late")
            return MonitoringReplicationProbe(load: monitoring, wallClock: SystemWallClock())
        default:
            logger.notice("nobody says how new replicas replicate: one serves once it is RUNNABLE, whatever its lag")
            return nil
        }
    }

    /// How much is made sure of the servers of one kind, by the keys `mode`, `mode`-ca and `retrieval`.
    /// - Throws: a complaint when the CA certificates are needed and missing, or cannot be read.
    func clientTLS(_ mode: String, _ retrieval: String) throws -> ClientTLSSettings {
        do throws(MySQLWireError) {
            return try ClientTLSSettings(
                mode: .init(rawValue: text(mode)) ?? .disabled, caFile: optionalText("\(mode)-ca"),
                allowsPublicKeyRetrieval: flag(retrieval))
        } catch {
            throw Complaint("\(mode) is \"\(text(mode))\": \(error.message)")
        }
    }
}
