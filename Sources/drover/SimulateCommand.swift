import ArgumentParser
import FleetModel
import Foundation
import Foundations
import Pacing
import Settings
import Simulation

/// `drover simulate`: what a scaling policy would have done.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Tries a scaling policy on a load trace, without touching anything.",
        discussion: """
            The scaler's own decision code runs over the trace, with a model in the place of the cloud, beside \
            Chester's fixed behaviour and beside an oracle that knows the future.
            """,
        subcommands: [Run.self, MakeTrace.self, Check.self], defaultSubcommand: Run.self)

    /// Says what could not be used; the exit code is sysexits' EX_DATAERR.
    private static func refuse(_ what: String, _ reason: String) -> ExitCode {
        Console.complain("\(what):\(reason.contains("\n") ? "\n" : " ")\(reason)")
        return ProgramExit.unusableInput.code
    }

    private static func text(_ path: String) throws -> String {
        do {
            return try InputFile.existingText(path)
        } catch {
            throw refuse("reading \(path) failed", "\(error)")
        }
    }

    private static func policy(_ path: String) throws -> ScalingPolicy {
        let text = try text(path)
        do throws(PolicyProblems) {
            return try PolicyFile.read(text, offsets: SystemTimeZones())
        } catch {
            throw refuse("the policy in \(path) cannot be used", error.description)
        }
    }

    /// `drover simulate [run]`.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Runs a policy over a trace (the default).")

        @Option(help: "The policy: a YAML or JSON file.")
        var policy: String

        @Option(help: "The trace: a CSV file of timestamp,load.")
        var trace: String

        @Flag(help: "Prints the report as JSON.")
        var json = false

        @Option(help: "Also draws replicas and utilisation into this SVG file.")
        var plot: String?

        @OptionGroup(title: "Model") var model: ModelOptions

        func run() async throws {
            let policy = try SimulateCommand.policy(policy)
            let text = try SimulateCommand.text(trace)
            let comparison: Comparison
            do throws(SimulationError) {
                comparison = try Comparison(
                    policy: policy, trace: try LoadTrace(csv: text), model: model.model, offsets: SystemTimeZones())
            } catch {
                throw SimulateCommand.refuse("the simulation cannot be run", error.description)
            }
            if let plot {
                do {
                    try Plot(comparison).svg.write(toFile: plot, atomically: false, encoding: .utf8)
                } catch {
                    throw SimulateCommand.refuse("writing \(plot) failed", error.localizedDescription)
                }
            }
            guard json else { return Console.say(comparison.table) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            Console.say(String(decoding: try encoder.encode(comparison), as: UTF8.self))
        }
    }

    /// `drover simulate trace`.
    struct MakeTrace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "trace", abstract: "Makes a load trace from a seed, as CSV on standard output.")

        @Option(help: "Which shapes to add up: daily-wave, flash-crowd, slow-growth, noise. May be repeated.")
        var shape: [TraceGenerator.Shape] = []

        @Option(help: "The load at an ordinary moment.")
        var base = 1_000.0

        @Option(help: "How many days.")
        var days = 7

        @Option(help: "The same seed gives the same trace.")
        var seed: UInt64 = 1

        @Option(help: "Seconds between two samples.")
        var interval = 60

        func run() async throws {
            var generator = TraceGenerator(shapes: Set(shape), base: base, days: days, seed: seed)
            generator.interval = .seconds(interval)
            do throws(SimulationError) {
                Console.say(String(try generator.trace().csv.dropLast()))
            } catch {
                throw SimulateCommand.refuse("the trace cannot be made", error.description)
            }
        }
    }

    /// `drover simulate check`.
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks a policy: exit code 0 if it is right, 65 with every wrong field if not.")

        @Option(help: "The policy: a YAML or JSON file.")
        var policy: String

        func run() async throws {
            _ = try SimulateCommand.policy(policy)
            Console.say("the policy is valid")
        }
    }

    /// The numbers of the model.
    struct ModelOptions: ParsableArguments {
        @Option(help: "The load that one reader bears at a utilisation of 1, in the trace's unit.")
        var capacity = 1_000.0

        @Option(help: "Readers that are always there.")
        var fixedReaders = 1

        @Option(help: "A utilisation above this is too much.")
        var limit = 0.8

        @Option(help: "From the decision to the first query on a new replica.")
        var provisioningSeconds = 420

        @Option(help: "From its first query to its full capacity.")
        var warmUpSeconds = 300

        @Option(help: "From the decision to the last query on a replica that goes.")
        var drainSeconds = 60

        @Option(help: "From its last query to the end of its costs.")
        var deletionSeconds = 180

        @Option(help: "How old a reading is when it is seen.")
        var metricDelaySeconds = 120

        @Option(help: "Between two decisions.")
        var intervalSeconds = 60

        @Option(help: "Chester's alert asks for more above this utilisation.")
        var alertAbove = 0.7

        @Option(help: "Chester's alert asks for fewer below this utilisation.")
        var alertBelow = 0.3

        @Option(help: "Two changes in opposite directions within this are a flap.")
        var flapWindowSeconds = 1_800

        var model: SimulationModel {
            var model = SimulationModel(capacity: capacity)
            model.fixedReaders = fixedReaders
            model.limit = limit
            model.provisioning = .seconds(provisioningSeconds)
            model.warmUp = .seconds(warmUpSeconds)
            model.draining = .seconds(drainSeconds)
            model.deletion = .seconds(deletionSeconds)
            model.metricDelay = .seconds(metricDelaySeconds)
            model.interval = .seconds(intervalSeconds)
            model.alertAbove = alertAbove
            model.alertBelow = alertBelow
            model.flapWindow = .seconds(flapWindowSeconds)
            return model
        }
    }
}

extension TraceGenerator.Shape: ExpressibleByArgument {}
