import FleetModel
import GoogleCloud
import Logging
import Pacing
import ProxySQLAdmin
import Settings

extension EffectiveSettings {
    /// Cloud SQL; with a `recorder` it is only read.
    func cloudSQL(_ logger: Logger, recorder: ChangeRecorder? = nil) throws -> CloudSQLReplicaProvider {
        CloudSQLReplicaProvider(
            request: GoogleRequest(
                endpoint: text("cloudsql.endpoint"), timeout: seconds("cloudsql.timeout-seconds"),
                credentials: try credentials(for: .cloudSQL, at: "cloudsql.endpoint", logger), logger: logger,
                recorder: recorder),
            project: text("cloudsql.project"), privateNetwork: optionalText("cloudsql.network"))
    }

    /// Who is asked about the primaries of groups that are registered; nil where no project is set, or no credentials
    /// are: then nobody is asked.
    func primaryLookup(_ logger: Logger) -> (any PrimaryLookup)? {
        guard let project = optionalText("cloudsql.project"), !project.isEmpty else { return nil }
        do {
            return try cloudSQL(logger)
        } catch {
            logger.notice(
                "Cloud SQL is not asked about primaries when groups are registered", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// Where the metrics of policies come from: the nodes' connection pools, and Cloud Monitoring.
    func loadSources(_ logger: Logger) throws -> (all: LoadSources, monitoring: MonitoringLoad) {
        var access = PoolLoad.Settings(
            username: text("fleet.username"), password: secret("fleet.password") ?? Secret(""),
            timeout: seconds("fleet.statement-timeout-seconds"))
        access.tls = try clientTLS("fleet.tls", "fleet.allow-public-key-retrieval")
        let pool = PoolLoad(
            directory: try nodeDirectory(), settings: access,
            wallClock: SystemWallClock(), logger: logger)
        let monitoring = MonitoringLoad(
            request: try request(.other, "monitoring.endpoint", logger), project: text("cloudsql.project"))
        return (LoadSources([pool, monitoring]), monitoring)
    }
}
