import ArgumentParser
import FleetModel
import GoogleCloud
import Logging
import Settings

/// `drover setup`: creates what an installation needs elsewhere.
struct SetupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup", abstract: "Creates what an installation needs elsewhere.",
        subcommands: [SetupGoogleCommand.self])
}

/// `drover setup google`: topic, subscription, dead letters, notification channel and alert policies.
struct SetupGoogleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "google",
        abstract: "Creates topic, subscription, dead letters, notification channel and alert policies on Google Cloud.",
        discussion: """
            What is there already stays as it is, so it can be run again. Roles are not granted but listed, as commands \
            for whoever may grant them. With --primary, alerts are created too.
            """)

    @OptionGroup var settings: SettingsOptions

    @Flag(help: "Shows every call and creates nothing.")
    var dryRun = false

    @Option(help: "The primary instance that the alerts are about; without it no alert is created.")
    var primary: String?

    @Option(help: "The group; the primary's name when absent.")
    var group: String?

    @Option(help: "Beginning of the replicas' names; the primary's name and -ro- when absent.")
    var replicaBasename: String?

    @Option(help: "The metric of the alerts.")
    var metric = "cloudsql.googleapis.com/database/network/connections"

    @Option(help: "Above this value a replica is added.")
    var addAbove = 800.0

    @Option(help: "Below this value a replica is removed; without it there is no such alert.")
    var removeBelow: Double?

    func run() async throws {
        let effective = try await settings.effective()
        let logger = effective.bootstrapLogging()
        try await Complaint.heard {
            let plan = try plan(effective)
            guard !dryRun else { return show(plan) }
            let run = SetupRun(
                pubSub: try effective.request(.pubSub, "pubsub.endpoint", emulator: "PUBSUB_EMULATOR_HOST", logger),
                monitoring: try effective.request(.other, "monitoring.endpoint", logger))
            try await run.run(plan) { step, outcome in Console.say("\(outcome.rawValue): \(step.title)") }
            sayGrants(plan)
        }
    }

    private func plan(_ settings: EffectiveSettings) throws -> SetupPlan {
        var wish = SetupPlan.Wish(
            project: try settings.project(), topic: settings.optionalText("pubsub.topic") ?? "drover",
            subscription: settings.optionalText("pubsub.subscription") ?? "drover-scaler")
        if let primary {
            let name = try InstanceName(primary, kind: "primary")
            wish.alerts = SetupPlan.Alerts(
                primary: name, group: try group.map { try InstanceName($0, kind: "group") } ?? name,
                replicaBaseName: replicaBasename ?? "\(name)-ro-", metric: metric,
                thresholds: (addAbove, removeBelow))
        }
        return SetupPlan(wish)
    }

    private func show(_ plan: SetupPlan) {
        for step in plan.steps { Console.say("# \(step.title)\n\(step.shown)\n") }
        sayGrants(plan)
    }

    private func sayGrants(_ plan: SetupPlan) {
        Console.say(
            "# roles, to be granted by whoever may: SCALER and INGEST are the service accounts of the two roles")
        for grant in plan.grants { Console.say(grant) }
    }
}
