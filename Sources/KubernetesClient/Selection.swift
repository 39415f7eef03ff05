/// Which objects of a kind are meant: by labels and by fields, as the API's `labelSelector` and `fieldSelector`.
package struct Selection: Hashable, Sendable {
    /// As in `kubectl get --selector`, for example `app=proxysql,component in (core,satellite)`; empty for all.
    package var labels: String
    /// As in `kubectl get --field-selector`, for example `metadata.name=fleet`; empty for all.
    package var fields: String

    /// Makes a selection from selectors in the API's own language.
    package init(labels: String = "", fields: String = "") {
        self.labels = labels
        self.fields = fields
    }

    /// Every object.
    package static let all = Selection()

    /// Objects with all these labels.
    package static func labels(_ labels: [String: String]) -> Selection {
        Selection(labels: labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
    }

    /// The one object of this name.
    package static func name(_ name: String) -> Selection {
        Selection(fields: "metadata.name=\(name)")
    }

    var parameters: [(String, String)] {
        (labels.isEmpty ? [] : [("labelSelector", labels)]) + (fields.isEmpty ? [] : [("fieldSelector", fields)])
    }
}

/// Where objects are looked for.
package enum NamespaceScope: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The namespace of the client's credentials.
    case own
    /// This one.
    case named(String)
    /// Every namespace.
    case all

    package init(stringLiteral value: String) { self = .named(value) }
}
