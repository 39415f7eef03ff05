import ArgumentParser

/// `drover ctl`: operates a fleet.
struct CtlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl",
        abstract: "Operates databases, replicas and nodes.",
        subcommands: [CtlVersion.self])
}

/// `drover ctl version`: which version this is.
struct CtlVersion: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Prints the version.")

    func run() {
        Console.say(Drover.configuration.version)
    }
}
