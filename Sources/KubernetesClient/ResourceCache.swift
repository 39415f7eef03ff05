/// What happened to one object of a selection.
package enum ResourceChange<Resource: KubernetesResource>: Sendable, Equatable {
    /// It came.
    case added(Resource)
    /// It was the first and is now the second; when its uid differs it is another object of the same name.
    case updated(from: Resource, to: Resource)
    /// It went; this was its last known state.
    case removed(Resource)

    /// The change of one name between two states; `nil` when there was none.
    init?(from before: Resource?, to after: Resource?) {
        switch (before, after) {
        case (nil, nil): return nil
        case (nil, let after?): self = .added(after)
        case (let before?, nil): self = .removed(before)
        case (let before?, let after?):
            guard before != after else { return nil }
            self = .updated(from: before, to: after)
        }
    }

    /// The object as it is, or was last.
    package var resource: Resource {
        switch self {
        case .added(let resource), .updated(_, let resource), .removed(let resource): resource
        }
    }

    /// The object as it is; `nil` when it is gone.
    package var current: Resource? {
        if case .removed = self { nil } else { resource }
    }
}

/// The objects of a selection as of one version; a value, so that a copy never changes.
package struct ResourceCache<Resource: KubernetesResource>: Sendable {
    /// By name.
    package private(set) var objects: [ObjectKey: Resource] = [:]
    /// The version that the objects are of; `nil` before the first list.
    package private(set) var resourceVersion: String?

    /// Makes an empty one.
    package init() {}

    /// The objects in the order of their names.
    package var sorted: [Resource] { objects.values.sorted { $0.key < $1.key } }

    /// Takes a whole list in the place of what was there.
    mutating func replace(_ list: ResourceList<Resource>) -> [ResourceChange<Resource>] {
        var new: [ObjectKey: Resource] = [:]
        for item in list.items { new[item.key] = item }
        let changes = Set(objects.keys).union(new.keys).compactMap {
            ResourceChange(from: objects[$0], to: new[$0])
        }
        objects = new
        resourceVersion = list.resourceVersion
        return changes
    }

    /// Takes one event of a watch.
    mutating func apply(_ event: WatchEvent<Resource>) -> ResourceChange<Resource>? {
        if let version = event.resourceVersion, !version.isEmpty { resourceVersion = version }
        switch event {
        case .added(let object), .modified(let object):
            let before = objects.updateValue(object, forKey: object.key)
            return ResourceChange(from: before, to: object)
        case .deleted(let object):
            return objects.removeValue(forKey: object.key).map { .removed($0) }
        case .bookmark:
            return nil
        }
    }

    /// Says that the version cannot be watched from any more.
    mutating func forgetVersion() {
        resourceVersion = nil
    }
}
