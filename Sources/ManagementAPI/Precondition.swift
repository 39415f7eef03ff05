import FleetModel
import Hummingbird

/// What a request demands of the stored version (RFC 9110, sections 13.1.1 and 13.1.2).
enum Precondition: Hashable, Sendable {
    /// `If-Match: *`: there is a group.
    case exists
    /// `If-None-Match: *`: there is none.
    case absent
    /// `If-Match: "…"`: it is one of these versions.
    case isOne(of: Set<String>)

    /// Reads the headers.
    init?(_ request: Request) {
        if request.headers[.ifNoneMatch]?.trimmed == "*" {
            self = .absent
        } else if let match = request.headers[.ifMatch]?.trimmed {
            self = match == "*" ? .exists : .isOne(of: Self.tags(match))
        } else {
            return nil
        }
    }

    /// - Throws: 412 when the stored version is another one.
    func check(_ tag: EntityTag?, _ name: InstanceName) throws(APIError) {
        let message: String
        switch self {
        case .exists where tag == nil: message = "there is no group \(name)"
        case .absent where tag != nil: message = "there is a group \(name) already"
        case .isOne(let tags) where !(tag.map { tags.contains($0.description) } ?? false):
            message = "\(name) is not at the version that If-Match names; read it again"
        default: return
        }
        throw APIError(status: 412, message: message)
    }

    /// Whether the client has the version of that tag, so that it need not be sent again.
    static func isKnown(_ tag: String, to request: Request) -> Bool {
        guard let header = request.headers[.ifNoneMatch] else { return false }
        let known = tags(header)
        return known.contains(tag) || known.contains("*")
    }

    /// The tags of a header, weak ones without their mark.
    static func tags(_ header: String) -> Set<String> {
        Set(
            header.split(separator: ",").map { part in
                let tag = String(part).trimmed
                return tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag
            })
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmed: String {
        var rest = self[...]
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
