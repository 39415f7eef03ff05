/// A fault that the stand-in commits on purpose.
package struct CloudSQLFault: Hashable, Sendable, Codable {
    /// What goes wrong.
    package enum Kind: String, Hashable, Sendable, Codable {
        /// The answer comes `seconds` later.
        case delay
        /// `status` and `reason` are answered and nothing is done.
        case status
        /// The connection breaks and nothing is done; without any answer under `StandInContext`, in the middle of one
        /// under another.
        case drop
        /// The call is carried out and the connection breaks before the answer.
        case dropAfterEffect = "drop-after-effect"
        /// No answer comes.
        case hang
        /// For `seconds` after an operation is DONE the primary is still busy: 409 `operationInProgress`.
        case ghostOperation = "ghost-operation"
        /// The creation ends with an error and leaves a FAILED instance.
        case failedCreate = "failed-create"
        /// A list leaves out its replicas and warns of an unreachable region.
        case partialList = "partial-list"
    }

    /// What goes wrong.
    package var kind: Kind
    /// HTTP method to which it applies; every one when absent.
    package var method: String?
    /// Part of the path to which it applies; every path when absent.
    package var path: String?
    /// How often it happens, 1 when absent.
    package var times: Int?
    /// For `delay` and `ghost-operation`.
    package var seconds: Double?
    /// For `status`: the HTTP status, 503 when absent.
    package var status: Int?
    /// For `status`: the reason, `backendError` when absent.
    package var reason: String?

    /// Makes a fault that happens once to any call.
    package init(_ kind: Kind) {
        self.kind = kind
    }

    func applies(to method: String, _ path: String) -> Bool {
        let isMeant =
            switch kind {
            case .delay, .status, .drop, .dropAfterEffect, .hang: true
            case .ghostOperation: method != "GET"
            case .failedCreate: method == "POST"
            case .partialList: method == "GET" && path.hasSuffix("/instances")
            }
        return isMeant && (self.method.map { $0.uppercased() == method } ?? true)
            && (self.path.map { path.contains($0) } ?? true)
    }
}

extension CloudSQLFault {
    /// Why a text is no fault.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case kind, method, path, times, seconds, status, reason
    }

    /// Reads a fault strictly: a field that would be ignored is an experiment that does not test what it should.
    /// - Throws: `Invalid`, naming the field.
    package init(from decoder: any Decoder) throws {
        let known = Set(CodingKeys.allCases.map(\.rawValue))
        let given = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let unknown = given.sorted().first(where: { !known.contains($0) }) {
            throw Invalid(description: "the field \(unknown) is unknown")
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        kind = try fields.decode(Kind.self, forKey: .kind)
        method = try fields.decodeIfPresent(String.self, forKey: .method)
        path = try fields.decodeIfPresent(String.self, forKey: .path)
        times = try fields.decodeIfPresent(Int.self, forKey: .times)
        seconds = try fields.decodeIfPresent(Double.self, forKey: .seconds)
        status = try fields.decodeIfPresent(Int.self, forKey: .status)
        reason = try fields.decodeIfPresent(String.self, forKey: .reason)
        guard times.map({ (1...1_000_000).contains($0) }) ?? true else {
            throw Invalid(description: "times must be 1 to 1,000,000")
        }
        guard seconds.map({ (0...86_400).contains($0) }) ?? true else {
            throw Invalid(description: "seconds must be 0 to 86,400")
        }
        guard status.map({ (300...599).contains($0) }) ?? true else {
            throw Invalid(description: "status must be 300 to 599")
        }
    }
}
