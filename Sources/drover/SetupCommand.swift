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

/// `drover setup google`: topic, subscription, dead letters, notification channel, alert policies, and who may do what.
struct SetupGoogleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "google",
        abstract:
            "Creates topic, subscription, dead letters, alerts, service accounts and their roles on Google Cloud.",
        discussion: """
            What is there already stays as it is, so it can be run again; roles are only added. With --skip-iam, service \
            accounts and roles are not created but listed, as commands for whoever may. With --primary, alerts are \
            created too.
            """)

    @OptionGroup var settings: SettingsOptions

    @Flag(help: "Shows every call and creates nothing.")
    var dryRun = false

    @Flag(help: "Creates no service accounts and grants no roles, but shows the commands for it.")
    var skipIam = false

    @Option(help: ArgumentHelp("Service account of drover scaler; one is created when absent.", valueName: "email"))
    var scalerAccount: String?

    @Option(help: ArgumentHelp("Service account of drover ingest; one is created when absent.", valueName: "email"))
    var ingestAccount: String?

    @Option(help: ArgumentHelp("Service account of drover api; one is created when absent.", valueName: "email"))
    var apiAccount: String?

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
            var plan = try plan(effective)
            let access = plan.access
            if skipIam { plan.access = nil }
            if dryRun {
                show(plan)
            } else {
                try await run(plan, effective, logger)
            }
            if skipIam, let access {
                Console.say("# service accounts and roles, to be created and granted by whoever may; PROJECT_NUMBER is")
                Console.say("# what gcloud projects describe \(access.project) --format='value(projectNumber)' answers")
                for command in access.commands { Console.say(command) }
            }
        }
    }

    func validate() throws {
        for (option, email) in [
            ("--scaler-account", scalerAccount), ("--ingest-account", ingestAccount), ("--api-account", apiAccount),
        ] {
            guard let email, email.split(separator: "@", omittingEmptySubsequences: false).count != 2 else { continue }
            throw ValidationError("\(option): \"\(email)\" must be a service account's e-mail address")
        }
    }

    private func run(_ plan: SetupPlan, _ settings: EffectiveSettings, _ logger: Logger) async throws {
        let requests: [SetupPlan.Service: GoogleRequest] = [
            .pubSub: try settings.request(.pubSub, "pubsub.endpoint", emulator: "PUBSUB_EMULATOR_HOST", logger),
            .monitoring: try settings.request(.other, "monitoring.endpoint", logger),
            .iam: try settings.request(.other, "iam.endpoint", logger),
            .resourceManager: try settings.request(.other, "resourcemanager.endpoint", logger),
            .secretManager: try settings.request(.other, "secretmanager.endpoint", logger),
            .kms: try settings.request(.kms, "kms.endpoint", logger),
        ]
        let run = SetupRun { service throws(GoogleFailure) in
            guard let request = requests[service] else {
                throw GoogleFailure(.invalid, call: service.rawValue, "nobody calls it here")
            }
            return request
        }
        try await run.run(plan) { title, outcome in Console.say("\(outcome.rawValue): \(title)") }
    }

    private func plan(_ settings: EffectiveSettings) throws -> SetupPlan {
        let project = try settings.project()
        var wish = SetupPlan.Wish(
            project: project, topic: settings.optionalText("pubsub.topic") ?? "drover",
            subscription: settings.optionalText("pubsub.subscription") ?? "drover-scaler")
        wish.identities = .init(project: project, scaler: scalerAccount, ingest: ingestAccount, api: apiAccount)
        wish.secret = settings.optionalText("ingest.secret-id")
        wish.key = settings.keyVersion
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
        for (title, call) in plan.access?.shown ?? [] { Console.say("# \(title)\n\(call)\n") }
        for step in plan.steps { Console.say("# \(step.title)\n\(step.shown)\n") }
        for change in plan.access?.changes ?? [] { Console.say("# \(change.title)\n\(change.shown)\n") }
    }
}
