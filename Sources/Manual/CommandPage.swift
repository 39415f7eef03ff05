#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every command with its flags, from what ArgumentParser tells of them.
struct CommandPage {
    /// ArgumentParser's description, as far as it is used (swift-argument-parser, `ToolInfoV0`).
    private struct Tool: Decodable {
        var command: Command
    }

    private struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
        var shouldDisplay: Bool
        var defaultSubcommand: String?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }

        var kind: String
        var shouldDisplay: Bool
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var allValues: [String]?
        var abstract: String?
        var discussion: String?
    }

    private let root: Command

    init(_ description: String) throws {
        root = try JSONDecoder().decode(Tool.self, from: Data(description.utf8)).command
    }

    var text: String {
        "# Commands\n\nEvery command takes `--help`, and `--version`. [Exit codes](exit-codes.md), "
            + "[settings](configuration.md).\n" + section(root, path: "")
    }

    private func section(_ command: Command, path: String) -> String {
        guard command.shouldDisplay, command.commandName != "help" else { return "" }
        let name = path.isEmpty ? command.commandName : "\(path) \(command.commandName)"
        var text = "\n## `\(name)`\n"
        if let abstract = command.abstract { text += "\n\(abstract)\n" }
        if let discussion = command.discussion { text += "\n\(Self.paragraphs(discussion))" }
        let children = (command.subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
        if !children.isEmpty {
            text += "\n"
            for child in children {
                let anchor = "\(name)-\(child.commandName)".replacing(" ", with: "-")
                let first = child.commandName == command.defaultSubcommand ? " (when none is named)" : ""
                text += "- [`\(child.commandName)`](#\(anchor))\(first): \(child.abstract ?? "")\n"
            }
        }
        let own = (command.arguments ?? []).filter { argument in
            argument.shouldDisplay && !["help", "version"].contains(argument.valueName ?? "")
        }
        if !own.isEmpty {
            text += "\n" + Markdown.table(["argument", "default", "meaning"], own.map(row))
        }
        return text + children.map { section($0, path: name) }.joined()
    }

    private func row(_ argument: Argument) -> [String] {
        let value = argument.valueName ?? "value"
        let names = (argument.names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name }
        var shown: String
        switch argument.kind {
        case "positional": shown = Markdown.code("<\(value)>")
        case "flag": shown = Markdown.codes(names)
        default: shown = Markdown.code("\(names.joined(separator: ", ")) <\(value)>")
        }
        if argument.isRepeating { shown += " …" }
        let fallback = argument.defaultValue.map { Markdown.code($0) } ?? (argument.isOptional ? "" : "required")
        let parts = [argument.abstract, argument.discussion].compactMap(\.self)
        var meaning = parts.joined(separator: " ").replacing("\n", with: " ")
        if let values = argument.allValues, !values.isEmpty {
            meaning += "\(meaning.isEmpty ? "" : " ")One of \(Markdown.codes(values))."
        }
        return [shown, fallback, meaning]
    }

    /// The discussion; what stands in lines of their own, such as the agent's settings, keeps them.
    private static func paragraphs(_ text: String) -> String {
        guard text.contains("\n  ") else { return text + "\n" }
        return "```text\n\(text)\n```\n"
    }
}
