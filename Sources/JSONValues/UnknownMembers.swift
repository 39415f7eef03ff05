#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// What a document holds that this version does not know, and how that outlives a save.
///
/// Processes of two versions work on one store during every rolling upgrade, and after one that is undone. What the
/// newer one wrote must not be lost when the older one saves.
package enum UnknownMembers {
    /// The new document with the members of the stored one that nobody here has read.
    ///
    /// A member of `stored` is unknown when `known`, which is `stored` read and written again by this version, does not
    /// have it. Elements of an array belong together by `id`, `name` or `username` (with `hostgroup`), else by `address`
    /// and `port`, else when they did not change. What is known and absent in `new` was removed, with all that was in
    /// it.
    package static func kept(in new: Data, from stored: Data, readAs known: Data) -> Data {
        guard let before = try? JSONValue(stored), let read = try? JSONValue(known),
            hasUnknown(before, read), let after = try? JSONValue(new)
        else { return new }
        return merged(after, before, read).bytes()
    }

    private static func hasUnknown(_ stored: JSONValue, _ known: JSONValue) -> Bool {
        switch (stored, known) {
        case (.object(let stored), .object(let known)):
            stored.contains { name, value in known[name].map { hasUnknown(value, $0) } ?? (value != .null) }
        case (.array(let stored), .array(let known)):
            zip(stored, known).contains { hasUnknown($0, $1) }
        default: false
        }
    }

    private static func merged(_ new: JSONValue, _ stored: JSONValue, _ known: JSONValue) -> JSONValue {
        switch (new, stored, known) {
        case (.object(var members), .object(let stored), .object(let known)):
            for (name, value) in stored {
                if let read = known[name] {
                    if let written = members[name] { members[name] = merged(written, value, read) }
                } else if members[name] == nil {
                    members[name] = value
                }
            }
            return .object(members)
        case (.array(let elements), .array(let stored), .array(let known)) where stored.count == known.count:
            return .array(merged(elements, Array(zip(stored, known))))
        default:
            return new
        }
    }

    private static func merged(_ new: [JSONValue], _ old: [(stored: JSONValue, known: JSONValue)]) -> [JSONValue] {
        var left = old
        return new.map { element in
            let identity = identity(element)
            let found = left.firstIndex { old in
                identity == nil ? old.known == element : self.identity(old.known) == identity
            }
            guard let found else { return element }
            let (stored, known) = left.remove(at: found)
            return merged(element, stored, known)
        }
    }

    /// What makes an element the same one after a change; nil where nothing does.
    private static func identity(_ element: JSONValue) -> [JSONValue?]? {
        guard let members = element.object else { return nil }
        let names = ["id", "name", "username"].map { members[$0] }
        if names.contains(where: { $0 != nil }) { return names + [members["hostgroup"]] }
        guard let address = members["address"] else { return nil }
        return [address, members["port"]]
    }
}
