import ArgumentParser
import FleetModel
import GoogleCloud
import Logging
import Persistence
import Settings

/// What a role looks at before it starts, by the very functions that it starts with; nothing is made, kept or asked for
/// over the network.
struct StartChecks {
    let settings: EffectiveSettings
    let role: ConfigCommand.Role
    private let logger = Logger(label: "drover", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Why the role would not start, one sentence each.
    func complaints() async -> [String] {
        var complaints: [String] = []
        func check(_ body: () async throws -> Void) async {
            do {
                try await body()
            } catch let error as SettingsError {
                complaints += error.complaints
            } catch {
                complaints.append("\(error)")
            }
        }
        if role.servesAPI || settings.keepsInDatastore { await check { _ = try settings.defaultPolicy() } }
        if role.servesAPI {
            let access = ManagementAccess(settings: settings, logger: logger)
            await check { _ = try access.authenticator() }
            await check { _ = try access.tls() }
        }
        await check { try store() }
        if role != .ingest { await check { _ = try NotificationServices.channels(settings) } }
        if role == .serve || role == .scaler {
            await check { _ = try settings.cloudSQL(logger) }
            await check { try settings.checkFleet() }
            await check {
                let request = try settings.request(.other, "monitoring.endpoint", logger)
                _ = try settings.replicationProbe(
                    .init(request: request, project: settings.text("cloudsql.project")), logger)
            }
        }
        if role == .serve || role == .ingest {
            await check { _ = try await settings.ingestAuthentication(logger, asks: false) }
        }
        var known: Set<String> = []
        return complaints.filter { known.insert($0).inserted }
    }

    /// What hinders no start, and without which nothing is kept right.
    var remarks: [String] {
        guard role == .serve || role == .scaler else { return [] }
        var remarks: [String] = []
        let areFound = settings.text("fleet.strategy") != "admin" || settings.optionalText("fleet.pod-selector") != nil
        if !areFound, settings.listedNodes.isEmpty {
            remarks.append("fleet.nodes is not set: there is no node that could get a configuration")
        }
        if settings.optionalText("cloudsql.project") == nil {
            remarks.append("cloudsql.project is not set: no replica can be made or found in Cloud SQL")
        }
        return remarks
    }

    private func store() throws {
        try Backend.checkKinds(settings)
        let isBare = role == .ingest && settings.keepsInDatastore && settings.queuesInPubSub
        if !isBare, let complaint = StateDirectory.complaint(about: settings.text("state.directory")) {
            throw StoreError.unavailable(reason: complaint)
        }
        guard settings.keepsInDatastore else { return }
        _ = try settings.datastore(logger)
        if role != .ingest { _ = try settings.passwords(logger, new: role.servesAPI) }
        if settings.queuesInPubSub {
            _ = try settings.workQueue(receives: role == .serve || role == .scaler, logger)
        }
    }
}
