/// One column of the exported file.
package struct DigestColumn: Hashable, Sendable {
    /// What stands in it.
    package enum Content: Hashable, Sendable {
        /// The name of the host that made the file.
        case host
        /// A text of ProxySQL's column of this name.
        case text(String)
        /// A whole number of ProxySQL's column of this name.
        case number(String)
        /// Seconds since 1970 of ProxySQL's column of this name, written as RFC 3339 in UTC.
        case time(String)

        /// ProxySQL's name of the column; nil where the value is not ProxySQL's.
        var source: String? {
            switch self {
            case .host: nil
            case .text(let name), .number(let name), .time(let name): name
            }
        }
    }

    /// The name in the header, and the key in NDJSON.
    package var name: String
    /// What stands in it.
    package var content: Content

    /// Makes a column.
    package init(_ name: String, _ content: Content) {
        self.name = name
        self.content = content
    }

    /// The Go agent's columns under its names, in its order: what its readers were made for.
    package static let compatible: [DigestColumn] = [
        DigestColumn("pod_name", .host), DigestColumn("hostgroup", .number("hostgroup")),
        DigestColumn("schemaname", .text("schemaname")), DigestColumn("username", .text("username")),
        DigestColumn("digest", .text("digest")), DigestColumn("digest_text", .text("digest_text")),
        DigestColumn("count_star", .number("count_star")), DigestColumn("first_seen", .time("first_seen")),
        DigestColumn("last_seen", .time("last_seen")), DigestColumn("sum_time_us", .number("sum_time")),
        DigestColumn("min_time_us", .number("min_time")), DigestColumn("max_time", .number("max_time")),
        DigestColumn("sum_rows_affected", .number("sum_rows_affected")),
        DigestColumn("sum_rows_sent", .number("sum_rows_sent")),
    ]

    /// Every column of `stats_mysql_query_digest` (ProxySQL documentation, "Stats (statistics tables)"): the
    /// compatible ones and, behind them, the client's address, which the Go agent left out.
    package static let all = compatible + [DigestColumn("client_address", .text("client_address"))]

    /// Reads `compatible`, `all`, or names separated by commas.
    /// - Throws: `DigestError` that names the unknown column and the known ones.
    package static func list(_ text: String) throws(DigestError) -> [DigestColumn] {
        switch text {
        case "compatible": return compatible
        case "all": return all
        default: break
        }
        var columns: [DigestColumn] = []
        for name in text.split(separator: ",").map({ String($0.filter { $0 != " " }) }) {
            guard let column = all.first(where: { $0.name == name }) else {
                throw DigestError(
                    .unusable,
                    "there is no column \"\(name)\"; the columns are \(all.map(\.name).joined(separator: ", ")), and "
                        + "the words compatible and all")
            }
            guard !columns.contains(column) else {
                throw DigestError(.unusable, "the column \"\(name)\" is named twice")
            }
            columns.append(column)
        }
        guard !columns.isEmpty else { throw DigestError(.unusable, "at least one column must be named") }
        return columns
    }
}
