package import MySQLWire

/// What is dumped, from where, and how.
package struct DumpSettings: Sendable {
    /// Where the file goes.
    package enum Destination: Hashable, Sendable {
        /// Standard output.
        case standardOutput
        /// Exactly this file, replaced by each dump.
        case file(String)
        /// Files of a series: each has the time of its dump, UTC, before the extension of this path.
        case series(String)
    }

    /// ProxySQL's admin interface.
    package var server: MySQLConfiguration
    /// What stands in the column `pod_name`.
    package var hostName: String
    /// Where it goes.
    package var destination: Destination
    /// How rows are written.
    package var format = DigestFormat.csv
    /// Whether the file is compressed with gzip.
    package var compresses = false
    /// The columns, in order.
    package var columns = DigestColumn.compatible
    /// Whether ProxySQL forgets what was exported.
    package var resets = false
    /// How long each conversation with ProxySQL may take.
    package var timeout = Duration.seconds(300)

    /// Makes settings with the Go agent's format and columns.
    package init(server: MySQLConfiguration, hostName: String, destination: Destination) {
        self.server = server
        self.hostName = hostName
        self.destination = destination
    }

    /// The name that the Go agent gave its file: `<tmpdir>/<hostname>-digests.csv`; with the extensions of the format
    /// where that is another.
    package static func usualPath(
        folder: String, hostName: String, format: DigestFormat = .csv, compresses: Bool = false
    ) -> String {
        "\(folder)/\(hostName)-digests.\(format.rawValue)\(compresses ? ".gz" : "")"
    }

    /// What makes these settings impossible.
    /// - Throws: `unusable`.
    package func check() throws(DigestError) {
        if resets, destination == .standardOutput {
            throw DigestError(
                .unusable,
                "what is read with --reset exists nowhere else, and nobody can tell whether the reader of standard "
                    + "output has it on disk: name a file with --output")
        }
    }
}
