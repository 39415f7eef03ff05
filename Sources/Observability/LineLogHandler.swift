import FleetModel
package import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes log messages to standard error, one line each.
package struct LineLogHandler: LogHandler {
    /// How a line looks.
    package enum Format: String, Sendable {
        /// One JSON object.
        case json
        /// For people.
        case text
    }

    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level
    private let label: String
    private let format: Format
    private let tellsSource: Bool

    /// Where in the source a message was written.
    struct Source {
        var file: String
        var line: UInt
        var function: String
    }

    /// Makes the handler of the logger named `label`; `tellsSource` adds the place in the source to each message.
    package init(
        label: String, format: Format, level: Logger.Level, tellsSource: Bool = false,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.metadataProvider = metadataProvider
        self.label = label
        self.format = format
        self.tellsSource = tellsSource
        self.logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// How much a message of a task matters. In one that was cancelled every call fails, because it was cancelled: at the
    /// end of the process, or because another task came first. That is no news, unless somebody looks for such.
    static func level(_ level: Logger.Level, isCancelled: Bool) -> Logger.Level {
        isCancelled && level > .notice ? .debug : level
    }

    package func log(event: LogEvent) {
        let level = Self.level(event.level, isCancelled: Task.isCancelled)
        guard level >= logLevel else { return }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let all = metadata.merging(metadataProvider?.get() ?? [:], uniquingKeysWith: { $1 })
            .merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
        let line = Self.line(
            format, seconds: Int(time.tv_sec), milliseconds: Int(time.tv_nsec) / 1_000_000, level: level,
            label: label, message: "\(event.message)", metadata: all,
            source: tellsSource ? Source(file: event.file, line: event.line, function: event.function) : nil)
        var rest = Array(line.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    static func line(
        _ format: Format, seconds: Int, milliseconds: Int, level: Logger.Level, label: String, message: String,
        metadata: Logger.Metadata, source: Source? = nil
    ) -> String {
        var broken = tm()
        var moment = time_t(seconds)
        gmtime_r(&moment, &broken)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &broken)
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let fraction = String(1_000 + milliseconds).dropFirst()
        let time = "\(String(decoding: text, as: UTF8.self)).\(fraction)Z"
        let sorted = metadata.sorted { $0.key < $1.key }
        switch format {
        case .json:
            let members =
                [("time", time), ("level", level.rawValue), ("logger", label), ("message", message)]
                + sorted.map { ($0.key, "\($0.value)") }
            // As Go's slog has it, for whoever already reads that.
            let place =
                source.map {
                    ",\"source\":{\"function\":\(quote($0.function)),\"file\":\(quote($0.file)),\"line\":\($0.line)}"
                } ?? ""
            return "{" + members.map { "\(quote($0.0)):\(quote($0.1))" }.joined(separator: ",") + place + "}\n"
        case .text:
            let pairs = sorted.map { " \($0.key)=\(quote("\($0.value)"))" }.joined()
            let place = source.map { " source=\(quote("\($0.file):\($0.line)"))" } ?? ""
            return "\(time) \(level.rawValue.uppercased()) \(quote(message).dropFirst().dropLast())\(pairs)\(place)\n"
        }
    }

    /// `text` as a JSON text: nothing in it can end the line or the text.
    static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let hexadecimal = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
