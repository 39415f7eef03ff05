/// A statement that ProxySQL's admin module understands itself, before SQLite sees anything.
enum AdminCommand: Sendable, Equatable {
    /// Memory to runtime.
    case activate(ConfigurationModule)
    /// Runtime to memory.
    case saveToMemory(ConfigurationModule)
    /// Memory to disk.
    case saveToDisk(ConfigurationModule)
    /// Disk to memory.
    case loadFromDisk(ConfigurationModule)
    /// The configuration file's rows, merged into memory.
    case loadFromConfiguration(ConfigurationModule)
    case pause
    /// Shows clients what is in the data directory now.
    case reloadTLS
    case resume
    case start
    case shutdown
    case setReadOnly(Bool)
    /// Anything that is answered with OK and does nothing, such as BEGIN: the admin module has no transactions.
    case nothing
    /// Forgets the digests.
    case truncateDigests

    /// Recognises a command; nil lets the statement through to SQLite.
    init?(_ statement: StatementText) {
        let words = statement.words
        if let module = Self.module(in: words) {
            let rest = words.dropFirst(1 + module.rawValue.split(separator: " ").count).joined(separator: " ")
            switch (words[0], rest) {
            case ("LOAD", "TO RUNTIME"), ("LOAD", "TO RUN"), ("LOAD", "FROM MEMORY"), ("LOAD", "FROM MEM"):
                self = .activate(module)
            case ("LOAD", "FROM DISK"), ("LOAD", "TO MEMORY"), ("LOAD", "TO MEM"): self = .loadFromDisk(module)
            case ("LOAD", "FROM CONFIG"): self = .loadFromConfiguration(module)
            case ("SAVE", "FROM RUNTIME"), ("SAVE", "FROM RUN"), ("SAVE", "TO MEMORY"), ("SAVE", "TO MEM"):
                self = .saveToMemory(module)
            case ("SAVE", "TO DISK"), ("SAVE", "FROM MEMORY"), ("SAVE", "FROM MEM"): self = .saveToDisk(module)
            default: return nil
            }
            return
        }
        switch words.joined(separator: " ") {
        case "PROXYSQL PAUSE": self = .pause
        case "PROXYSQL RESUME": self = .resume
        case "PROXYSQL RELOAD TLS": self = .reloadTLS
        case "PROXYSQL START": self = .start
        case "PROXYSQL SHUTDOWN", "PROXYSQL SHUTDOWN SLOW", "PROXYSQL KILL": self = .shutdown
        case "PROXYSQL READONLY": self = .setReadOnly(true)
        case "PROXYSQL READWRITE": self = .setReadOnly(false)
        case "PROXYSQL FLUSH LOGS", "PROXYSQL FLUSH QUERY CACHE", "PROXYSQL FLUSH MYSQL CLIENT HOSTS": self = .nothing
        case "TRUNCATE STATS_MYSQL_QUERY_DIGEST", "TRUNCATE TABLE STATS_MYSQL_QUERY_DIGEST",
            "TRUNCATE STATS_MYSQL_QUERY_DIGEST_RESET", "TRUNCATE TABLE STATS_MYSQL_QUERY_DIGEST_RESET",
            "TRUNCATE STATS.STATS_MYSQL_QUERY_DIGEST", "TRUNCATE TABLE STATS.STATS_MYSQL_QUERY_DIGEST":
            self = .truncateDigests
        default:
            guard Self.isIgnored(words) else { return nil }
            self = .nothing
        }
    }

    private static func module(in words: [String]) -> ConfigurationModule? {
        guard let verb = words.first, verb == "LOAD" || verb == "SAVE" else { return nil }
        return ConfigurationModule.allCases.first { module in
            words.dropFirst().starts(with: module.rawValue.split(separator: " ").map(String.init))
        }
    }

    private static func isIgnored(_ words: [String]) -> Bool {
        let beginnings = [
            ["BEGIN"], ["START", "TRANSACTION"], ["COMMIT"], ["ROLLBACK"], ["USE"], ["LOCK", "TABLES"],
            ["UNLOCK", "TABLES"], ["SET", "NAMES"], ["PROXYSQL", "CLUSTER_NODE_UUID"],
        ]
        return beginnings.contains { words.starts(with: $0) }
    }
}
