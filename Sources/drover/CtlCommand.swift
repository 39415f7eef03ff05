import ArgumentParser

/// `drover ctl`: operates a fleet.
struct CtlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl",
        abstract: "Operates databases, replicas and nodes.",
        discussion: """
            Most commands call the management API at --api. status, backends, cluster, resync, drain and watch, and \
            resume without a database, call the agent of one node at --agent instead; what else an agent can be told \
            is under 'drover ctl agent'. Exit codes: 0 done, 1 refused or failed, 2 differences that \
            were not applied, 64 wrong usage, 65 unusable input, 69 the API cannot be reached, 77 not allowed. \
            'drover --generate-completion-script bash|zsh|fish' prints a completion script.
            """,
        subcommands: [
            CtlDatabases.self, CtlApply.self, CtlIncidents.self, CtlReplicas.self, CtlDecisions.self,
            CtlNodes.self, CtlHistory.self, CtlRollback.self, CtlAudit.self, CtlPause.self, CtlResume.self,
            CtlPin.self, CtlEvents.self, CtlImport.self, CtlExport.self, CtlAgent.self,
        ] + CtlAgent.shortcuts)
}
