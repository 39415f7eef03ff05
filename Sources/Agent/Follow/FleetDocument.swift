package import FleetModel
package import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a followed `fleet.json` says: one fleet configuration, or a list of them.
package struct FleetDocument: Hashable, Sendable {
    /// Why a text is none.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// One sentence, without values.
        package var description: String
    }

    /// One for each group, with the keys of their digests.
    package var published: [PublishedConfiguration]

    /// One for each group.
    package var configurations: [FleetConfiguration] { published.map(\.configuration) }

    /// Reads a document.
    package init(_ text: Secret) throws(Problem) {
        let data = Data(text.reveal().utf8)
        let decoder = JSONDecoder()
        do {
            let isList = text.reveal().first { !$0.isWhitespace } == "["
            published =
                isList
                ? try decoder.decode([PublishedConfiguration].self, from: data)
                : [try decoder.decode(PublishedConfiguration.self, from: data)]
        } catch {
            throw Problem(description: Self.explain(error))
        }
        let names = configurations.map(\.group)
        guard Set(names).count == names.count else {
            throw Problem(description: "a group stands twice in it")
        }
    }

    /// The error without the values near it, which may be passwords.
    private static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "it is not JSON" }
        func path(_ keys: [any CodingKey]) -> String { keys.map(\.stringValue).joined(separator: ".") }
        switch error {
        case .keyNotFound(let key, let context): return "\(path(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(path(context.codingPath)) has another type than expected"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty ? "it is not JSON" : "\(path(context.codingPath)) is not usable"
        @unknown default: return "it is not usable"
        }
    }
}
