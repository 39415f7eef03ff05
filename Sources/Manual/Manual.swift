package import Endpoints
package import Observability

/// The reference part of the manual, made of the registries that the programs themselves use.
package struct Manual: Sendable {
    /// One page.
    package struct Page: Hashable, Sendable {
        /// The name of its file.
        package var file: String
        /// Its whole text.
        package var text: String
    }

    /// A way in which a command can end.
    package struct Exit: Hashable, Sendable {
        /// The exit code.
        package var code: Int32
        /// What it means.
        package var meaning: String

        /// Describes an end.
        package init(code: Int32, meaning: String) {
            self.code = code
            self.meaning = meaning
        }
    }

    /// The routes of one server.
    package struct Surface: Sendable {
        /// Its heading.
        package var title: String
        /// Where it listens and for whom it is.
        package var note: String
        /// Its routes.
        package var endpoints: [Endpoint]

        /// Describes a server.
        package init(_ title: String, _ note: String, _ endpoints: [Endpoint]) {
            self.title = title
            self.note = note
            self.endpoints = endpoints
        }
    }

    /// A role and what it measures.
    package struct Measures: Sendable {
        /// The role's command.
        package var role: String
        /// Its catalogues.
        package var catalogues: [any MetricName.Type]

        /// Describes a role.
        package init(role: String, catalogues: [any MetricName.Type]) {
            self.role = role
            self.catalogues = catalogues
        }
    }

    /// What only the program's own module knows.
    package struct Sources: Sendable {
        /// What ArgumentParser's `--experimental-dump-help` prints.
        package var commands: String
        /// Every exit code.
        package var exits: [Exit]
        /// Every server.
        package var surfaces: [Surface]
        /// Every role with metrics.
        package var measures: [Measures]

        /// Gathers them.
        package init(commands: String, exits: [Exit], surfaces: [Surface], measures: [Measures]) {
            self.commands = commands
            self.exits = exits
            self.surfaces = surfaces
            self.measures = measures
        }
    }

    /// All pages.
    /// - Throws: `DecodingError` when ArgumentParser describes the commands in another way than expected.
    package static func pages(_ sources: Sources) throws -> [Page] {
        [
            Page(file: "commands.md", text: head + (try CommandPage(sources.commands).text)),
            Page(file: "configuration.md", text: head + SettingPages.settings),
            Page(file: "agent-settings.md", text: head + SettingPages.agent),
            Page(file: "metrics.md", text: head + MetricPage.text(sources.measures)),
            Page(file: "events.md", text: head + EventPage.text),
            Page(file: "endpoints.md", text: head + EndpointPage.text(sources.surfaces)),
            Page(file: "exit-codes.md", text: head + exits(sources.exits)),
        ]
    }

    /// How the pages are made anew.
    package static let command = "make reference"

    private static let head = "<!-- Made from the sources by '\(command)'; a test compares. Edit the sources. -->\n"

    private static func exits(_ exits: [Exit]) -> String {
        "# Exit codes\n\n"
            + Markdown.table(["code", "meaning"], exits.map { ["\($0.code)", $0.meaning] })
            + "\nA role that is ended by SIGTERM or SIGINT ends gracefully, with 0.\n"
    }
}
