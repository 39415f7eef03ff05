import KubernetesClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The parameters of a list.
struct ListOptions: Sendable {
    var limit: Int?
    var continueToken: String?
    var resourceVersion: Int?
    var isExact = false
}

/// Where the next page begins, as the real server encodes it.
struct ContinueToken: Codable, Hashable, Sendable {
    var v = "meta.k8s.io/v1"
    /// The version of the whole list; -1: whatever is there by then.
    var rv: Int
    /// After the last name of the page before.
    var start: String

    init(rv: Int, after key: ObjectKey) {
        self.rv = rv
        start = "\(key.namespace.isEmpty ? "" : key.namespace + "/")\(key.name)\u{0}"
    }

    init?(_ text: String) {
        let rest = text.count % 4
        let padded = text + String(repeating: "=", count: rest == 0 ? 0 : 4 - rest)
        guard let data = Data(base64Encoded: padded),
            let token = try? JSONDecoder().decode(ContinueToken.self, from: data)
        else { return nil }
        self = token
    }

    var text: String {
        let data = (try? JSONEncoder().encode(self)) ?? Data()
        return String(data.base64EncodedString().prefix { $0 != "=" })
    }

    /// Whether an object belongs to the pages from here on.
    func isBefore(_ key: ObjectKey) -> Bool {
        let after = start.split(separator: "\u{0}").first ?? ""
        let parts = after.split(separator: "/", maxSplits: 1)
        let last =
            parts.count == 2
            ? ObjectKey(namespace: String(parts[0]), name: String(parts[1]))
            : ObjectKey(namespace: "", name: String(after))
        return last < key
    }
}

extension KubernetesStore {
    /// The JSON text of a list, or of one page of it.
    func list(_ selection: ObjectSelection, _ options: ListOptions) throws(Refusal) -> String {
        var token: ContinueToken?
        if let text = options.continueToken {
            guard let decoded = ContinueToken(text) else { throw .badRequest("continue key is not valid") }
            token = decoded
        }
        var listed = version
        if let token, token.rv >= 0 {
            listed = token.rv
        } else if let wanted = options.resourceVersion, wanted > 0 {
            guard wanted <= version else { throw .tooLarge(wanted, version) }
            if options.isExact { listed = wanted }
        }
        guard let all = objects(of: selection, at: listed) else {
            guard var token else { throw .tooOldList }
            token.rv = -1
            throw .tooOldToken(fresh: token.text)
        }
        let rest = token.map { token in all.filter { token.isBefore($0.key) } } ?? all
        let page = options.limit.map { Array(rest.prefix($0)) } ?? rest
        var metadata = #""resourceVersion":"\#(listed)""#
        if let last = page.last, page.count < rest.count {
            metadata += #","continue":"\#(ContinueToken(rv: listed, after: last.key).text)""#
            if selection.isEverything { metadata += #","remainingItemCount":\#(rest.count - page.count)"# }
        }
        let items = page.map(\.text).joined(separator: ",")
        let type = selection.type
        return #"{"kind":"\#(type.kind)List","apiVersion":"\#(type.apiVersion)","metadata":{\#(metadata)},"#
            + #""items":[\#(items)]}"#
    }
}
