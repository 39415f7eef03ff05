package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why a notification was refused, as a sentence for whoever set up the alert.
package struct AlertError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what to do.
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Reads the notifications of Cloud Monitoring's webhook, version 1.2 and older
/// (Cloud Monitoring documentation, "Create and manage notification channels", schema 1.2): tolerant of what it does not need, strict about what it acts on.
package enum AlertParser {
    /// What a notification is.
    package enum Notification: Hashable, Sendable {
        /// An incident opens or closes.
        case alert(Alert)
        /// Somebody pressed the test button.
        case test
    }

    /// Deeper JSON than this is hostile.
    private static let maximumDepth = 32

    /// Reads one body.
    /// - Throws: `AlertError`.
    package static func parse(_ body: [UInt8]) throws(AlertError) -> Notification {
        try checkDepth(body)
        let envelope: Envelope = try decode(Data(body), "the body")
        if envelope.version?.text.lowercased() == "test" { return .test }
        guard let incident = envelope.incident else { throw AlertError("the body has no \"incident\"") }
        guard let id = incident.incident_id?.text, (1...200).contains(id.utf8.count), id.utf8.allSatisfy(isPrintable)
        else {
            throw AlertError("\"incident_id\" is absent, longer than 200 characters or not plain text")
        }
        guard let state = incident.state.flatMap({ IncidentState(rawValue: $0.text.lowercased()) }) else {
            throw AlertError("\"state\" is neither \"open\" nor \"closed\"")
        }
        let (documentation, text) = try documentation(of: incident)
        guard let action = documentation.action.flatMap({ IncidentAction(rawValue: $0.text.lowercased()) }) else {
            throw AlertError("the documentation's \"action\" is neither \"add\" nor \"remove\"")
        }
        let primary = try name(documentation.sql_master_instance, "sql_master_instance")
        let group = try documentation.instance_group.map { given throws(AlertError) in try name(given, "instance_group")
        }
        let base = documentation.replica_basename?.text ?? "\(primary)-"
        do throws(InvalidName) {
            // What comes behind it in a replica's name has at most ten characters.
            _ = try InstanceName(base + "0000000000", kind: "replica")
        } catch {
            throw AlertError("the documentation's \"replica_basename\" does not begin a name: \(error.rule)")
        }
        return .alert(
            Alert(
                incidentID: id.replacing(".", with: "-"), policyName: incident.policy_name?.text ?? "", state: state,
                startedAt: Timestamp(secondsSinceEpoch: incident.started_at?.value ?? 0),
                closedAt: (incident.ended_at ?? incident.closed_timestamp)?.value.map(
                    Timestamp.init(secondsSinceEpoch:)),
                primaryInstance: primary, group: group ?? primary, replicaBaseName: base, action: action,
                documentation: text))
    }

    // MARK: Parts

    private static func documentation(of incident: Envelope.Incident) throws(AlertError) -> (Documentation, String) {
        let text: String
        switch incident.documentation {
        case .content(let content): text = content
        case .text(let content): text = content
        case nil:
            throw AlertError(
                "the incident has no \"documentation\"; the alert policy must carry one with \"sql_master_instance\" "
                    + "and \"action\"")
        }
        try checkDepth(Array(text.utf8))
        return (try decode(Data(text.utf8), "the documentation's content"), text)
    }

    /// A name of an instance, also as Cloud Monitoring labels it, `PROJECT:INSTANCE`, or as a connection name,
    /// `PROJECT:REGION:INSTANCE` (Google Cloud documentation, "Monitored resource types", `cloudsql_database`).
    private static func name(_ given: LooseText?, _ field: String) throws(AlertError) -> InstanceName {
        guard let given else { throw AlertError("the documentation has no \"\(field)\"") }
        let text = given.text.split(separator: ":", omittingEmptySubsequences: false).last.map { String($0) } ?? ""
        do throws(InvalidName) {
            return try InstanceName(text)
        } catch {
            throw AlertError("the documentation's \"\(field)\" is no instance's name: \(error.rule)")
        }
    }

    private static func decode<Value: Decodable>(_ data: Data, _ what: String) throws(AlertError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch let DecodingError.typeMismatch(_, context) where !context.codingPath.isEmpty {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw AlertError("\(what) has a value of another type than expected at \"\(path)\"")
        } catch let DecodingError.keyNotFound(key, context) {
            let path = (context.codingPath + [key]).map(\.stringValue).joined(separator: ".")
            throw AlertError("\(what) has no \"\(path)\"")
        } catch {
            throw AlertError("\(what) is not a JSON object")
        }
    }

    private static func isPrintable(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte)
    }

    /// Counts brackets outside texts, before any parser recurses over them.
    private static func checkDepth(_ body: [UInt8]) throws(AlertError) {
        var depth = 0
        var isText = false
        var isEscaped = false
        for byte in body {
            if isEscaped {
                isEscaped = false
            } else if isText {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isText = false }
            } else if byte == UInt8(ascii: "\"") {
                isText = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
                guard depth <= maximumDepth else { throw AlertError("the JSON is nested too deeply") }
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
            }
        }
    }
}

/// The webhook's JSON, as far as it is read; names are Cloud Monitoring's.
private struct Envelope: Decodable {
    struct Incident: Decodable {
        var incident_id: LooseText?
        var policy_name: LooseText?
        var state: LooseText?
        var started_at: Seconds?
        var ended_at: Seconds?
        var closed_timestamp: Seconds?
        var documentation: DocumentationField?
    }

    var version: LooseText?
    var incident: Incident?
}

/// An object with `content`, or, in tests and old versions, a plain text.
private enum DocumentationField: Decodable {
    case content(String)
    case text(String)

    private struct Content: Decodable {
        var content: String
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .content(try container.decode(Content.self).content)
        }
    }
}

/// A text, also where a template made a number of it.
private struct LooseText: Decodable {
    var text: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            text = "\(number)"
        } else if let number = try? container.decode(Double.self) {
            text = "\(number)"
        } else {
            text = try container.decode(String.self)
        }
    }
}

/// Seconds since 1970, as a number or as text; anything else counts as absent, because nothing depends on it.
private struct Seconds: Decodable {
    var value: Int64?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            value = number
        } else if let number = try? container.decode(Double.self) {
            value = Int64(exactly: number.rounded(.down))
        } else if let text = try? container.decode(String.self) {
            value = Int64(text) ?? Double(text).flatMap { Int64(exactly: $0.rounded(.down)) }
        }
    }
}

/// What the alert's documentation says: the JSON that Chester's alert policies carry there.
private struct Documentation: Decodable {
    var replica_basename: LooseText?
    var sql_master_instance: LooseText?
    var instance_group: LooseText?
    var action: LooseText?
}
