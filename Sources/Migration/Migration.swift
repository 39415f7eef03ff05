/// Checks an existing configuration for its move to Drover.
package struct Migration: Sendable {
    /// What is moved from.
    package enum Origin: String, Hashable, Sendable, CaseIterable {
        /// ProxySQL Agent 1.2.3.
        case proxysqlAgent = "proxysql-agent"
        /// Chester: daemon, webhook and API.
        case chester
    }

    /// Drover's settings that say the same as what was checked.
    package struct Equivalent: Sendable {
        /// The workload and container, or the file.
        package var program: String
        /// A file for `--config`.
        package var text: String
    }

    /// What was found.
    package private(set) var report = MigrationReport()
    /// The same settings in Drover's file, one for each program.
    package private(set) var equivalents: [Equivalent] = []

    /// Checks `sources`; with `workload`, as `Kind/name` or `name`, only that one of several.
    /// - Throws: `MigrationError` when a file cannot be read, or holds nothing that could be checked.
    package init(
        from origin: Origin, sources: [MigrationSource], workload: String? = nil
    ) async throws(MigrationError) {
        var files = try ManifestReader.read(sources)
        if let workload {
            let all = files.workloads.map { "\($0.kind)/\($0.name)" }
            files.workloads = files.workloads.filter { ["\($0.kind)/\($0.name)", $0.name].contains(workload) }
            guard !files.workloads.isEmpty else {
                throw MigrationError(
                    description: "there is no workload \(workload); there are: "
                        + (all.isEmpty ? "none" : all.joined(separator: ", ")))
            }
        }
        let found: [Checked]
        switch origin {
        case .proxysqlAgent: found = try AgentMigration(files).checked()
        case .chester: found = try await ChesterMigration(files).checked()
        }
        for one in found {
            report.findings += one.findings
            report.replacements += one.replacements
            if let text = one.equivalent { equivalents.append(Equivalent(program: one.program, text: text)) }
        }
        report.sort()
    }
}

/// What was found about one program.
struct Checked {
    var program: String
    var findings: [MigrationReport.Finding] = []
    var replacements: [MigrationReport.Replacement] = []
    var equivalent: String?

    mutating func add(
        _ level: MigrationReport.Level, _ given: Given, drover: String? = nil, _ message: String? = nil,
        page: String? = nil
    ) {
        findings.append(
            MigrationReport.Finding(
                level: level, program: program, file: given.place.file, line: given.place.line,
                theirs: given.name,
                drover: drover, message: message, page: page))
    }

    mutating func add(
        _ level: MigrationReport.Level, _ theirs: String, at place: Given.Place, _ message: String,
        page: String? = nil
    ) {
        add(level, Given(name: theirs, place: place), message, page: page)
    }

    mutating func replace(_ place: Given.Place, _ before: String, _ after: String) {
        replacements.append(
            MigrationReport.Replacement(
                program: program, file: place.file, line: place.line, before: before, after: after))
    }

    /// Rights that the roles of `account` lack.
    static func missing(
        _ wanted: [(resource: String, verbs: [String])], of account: String?, in files: GivenFiles
    ) -> [(resource: String, verbs: [String])] {
        let roles = files.roles(of: account)
        return wanted.compactMap { resource, verbs in
            let absent = verbs.filter { verb in !roles.contains { $0.allows(verb, resource) } }
            return absent.isEmpty ? nil : (resource, absent)
        }
    }
}

extension GivenFiles {
    /// The roles that are bound to `account`; all that there are when the bindings do not say.
    func roles(of account: String?) -> [GivenRole] {
        let names = Set(bindings.filter { $0.account == account }.map(\.role))
        return names.isEmpty ? roles : roles.filter { names.contains($0.name) }
    }
}
