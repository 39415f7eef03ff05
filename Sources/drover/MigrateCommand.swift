import ArgumentParser
import Foundation
import Foundations
import Migration

extension Migration.Origin: ExpressibleByArgument {}

/// `drover migrate`: moving from ProxySQL Agent or Chester.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Helps to move from ProxySQL Agent or Chester.",
        subcommands: [Check.self])

    /// `drover migrate check`.
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads an existing configuration and says what carries over, what changes, what does not.",
            discussion: """
                Files may be the agent's YAML file, environment files (NAME=value), and Kubernetes or Cloud Run \
                manifests with several documents; kustomize build and helm template give such. They are read together: \
                ConfigMaps and Roles in one count for workloads in another. Nothing is contacted and no secret is \
                shown.

                Exit codes: 0 everything carries over, 1 there are changes to know of, 2 something does not carry over \
                or is wrong, 64 wrong usage, 65 a file cannot be read.
                """)

        /// How the report is printed.
        enum Output: String, ExpressibleByArgument, CaseIterable {
            case table, json
        }

        @Option(help: ArgumentHelp("What is moved from.", valueName: "program"))
        var from: Migration.Origin

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Files to read; - is standard input.", valueName: "file"), completion: .file())
        var config: [String]

        @Option(help: ArgumentHelp("Checks only this one, as Kind/name or name.", valueName: "workload"))
        var workload: String?

        @Option(name: .shortAndLong, help: "How the report is printed.")
        var output = Output.table

        @Option(
            help: ArgumentHelp("Writes the same settings as a file for --config of Drover.", valueName: "file"),
            completion: .file())
        var write: String?

        func run() async throws {
            let migration = try await checked()
            switch output {
            case .table: Console.say(MigrationText.lines(migration.report).joined(separator: "\n"))
            case .json:
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                Console.say(String(decoding: try encoder.encode(migration.report), as: UTF8.self))
            }
            if let write { try self.write(migration, to: write) }
            if migration.report.exitCode != 0 {
                throw (ProgramExit(rawValue: migration.report.exitCode) ?? .failure).code
            }
        }

        private func checked() async throws -> Migration {
            do throws(MigrationError) {
                return try await Migration(from: from, sources: try sources(), workload: workload)
            } catch {
                Console.complain(error.description)
                throw ProgramExit.unusableInput.code
            }
        }

        private func sources() throws(MigrationError) -> [MigrationSource] {
            var sources: [MigrationSource] = []
            for path in config {
                let text: String
                do throws(UnusableFile) {
                    text = try InputFile.existingText(path == "-" ? "/dev/stdin" : path)
                } catch {
                    throw MigrationError(description: "\(path) cannot be read: \(error)")
                }
                sources.append(MigrationSource(name: path == "-" ? "standard input" : path, text: text))
            }
            return sources
        }

        private func write(_ migration: Migration, to path: String) throws {
            guard let equivalent = migration.equivalents.first, migration.equivalents.count == 1 else {
                let names = migration.equivalents.map(\.program).joined(separator: ", ")
                Console.complain(
                    names.isEmpty
                        ? "--write: what was read is wrong, nothing was written"
                        : "--write: there are several programs (\(names)); name one with --workload")
                throw ProgramExit.usage.code
            }
            do {
                try equivalent.text.write(toFile: path, atomically: false, encoding: .utf8)
            } catch {
                Console.complain("\(path) cannot be written: \(error.localizedDescription)")
                throw ProgramExit.failure.code
            }
        }
    }
}

/// A report for people.
enum MigrationText {
    static func lines(_ report: MigrationReport) -> [String] {
        var lines: [String] = []
        let programs = report.findings.map(\.program).reduce(into: [String]()) { names, name in
            if !names.contains(name) { names.append(name) }
        }
        for program in programs {
            lines += (lines.isEmpty ? [] : [""]) + [program]
            for finding in report.findings where finding.program == program { lines += Self.lines(of: finding) }
            let replaced = report.replacements.filter { $0.program == program }
            if !replaced.isEmpty { lines.append("  lines to replace") }
            for one in replaced {
                lines.append("    \(place(one.file, one.line))")
                if !one.before.isEmpty { lines.append("      - \(one.before)") }
                lines.append("      + \(one.after)")
            }
        }
        let counts = MigrationReport.Level.allCases.map { level in
            "\(report.findings.count { $0.level == level }) \(level.rawValue)"
        }
        return lines + ["", counts.joined(separator: ", ")]
    }

    private static func lines(of finding: MigrationReport.Finding) -> [String] {
        let level = finding.level.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0)
        let key = finding.drover.map { $0 == finding.theirs ? "" : " -> \($0)" } ?? ""
        var lines = ["  \(level)\(place(finding.file, finding.line))  \(finding.theirs)\(key)"]
        if let message = finding.message {
            lines.append("              \(message)\(finding.page.map { " (\($0))" } ?? "")")
        }
        return lines
    }

    private static func place(_ file: String, _ line: Int) -> String { line > 0 ? "\(file):\(line)" : file }
}
