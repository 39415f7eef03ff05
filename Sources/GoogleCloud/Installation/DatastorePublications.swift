package import FleetModel
package import Logging
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the nodes hold of each group, in one entity under the group's, for processes that do not publish.
package struct DatastorePublications: Sendable {
    /// A publication and when it ended.
    package struct Entry: Hashable, Sendable {
        /// The group.
        package var group: InstanceName
        /// What the nodes hold.
        package var publication: Publication
        /// When they were asked.
        package var at: Timestamp

        /// Makes an entry.
        package init(group: InstanceName, publication: Publication, at: Timestamp) {
            self.group = group
            self.publication = publication
            self.at = at
        }
    }

    private static let kind = "drover_publication"
    private static let what = "what the nodes hold"
    private let client: DatastoreClient

    /// Keeps publications through `client`.
    package init(client: DatastoreClient) {
        self.client = client
    }

    private func key(_ group: InstanceName) -> DatastoreKey {
        client.key(ChesterGroup.kind, group.text).child(Self.kind)
    }

    /// Stores the newest publication of a group.
    package func save(_ entry: Entry) async throws(StoreError) {
        let key = key(entry.group)
        let document: String
        do {
            document = String(decoding: try JSONEncoder().encode(entry.publication), as: UTF8.self)
        } catch {
            throw .corrupt(document: Self.what, reason: "it cannot be written: \(error)")
        }
        try await client.transaction(Self.what) { _ throws(StoreError) -> (Void, [DatastoreMutation]) in
            let entity = DatastoreEntity(
                key: key,
                properties: [
                    "Group": .string(entry.group.text),
                    "At": DatastoreValue(content: .integer(entry.at.millisecondsSinceEpoch)),
                    "Document": .string(document, isExcluded: true),
                ])
            return ((), [.upsert(entity)])
        }
    }

    /// Takes away what is stored of a group.
    package func remove(_ group: InstanceName) async throws(StoreError) {
        let key = key(group)
        try await client.transaction(Self.what) { _ throws(StoreError) -> (Void, [DatastoreMutation]) in
            ((), [.delete(key)])
        }
    }

    /// The newest publication of every group.
    package func all() async throws(StoreError) -> [Entry] {
        try await client.run(DatastoreQuery(Self.kind), for: Self.what).compactMap { Self.entry($0.entity) }
    }

    /// The newest publications of these groups.
    package func of(_ groups: [InstanceName]) async throws(StoreError) -> [Entry] {
        guard !groups.isEmpty else { return [] }
        return try await client.lookup(groups.map(key), for: Self.what).values.compactMap { Self.entry($0.entity) }
    }

    private static func entry(_ entity: DatastoreEntity) -> Entry? {
        guard let group = try? InstanceName(entity["Group"]?.string ?? ""), let at = entity["At"]?.integer,
            let publication = try? JSONDecoder().decode(
                Publication.self, from: Data((entity["Document"]?.string ?? "").utf8))
        else { return nil }
        return Entry(group: group, publication: publication, at: Timestamp(millisecondsSinceEpoch: at))
    }
}

/// A fleet whose publications are stored for the whole installation, when nodes stand differently than before.
package actor SharedFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let publications: DatastorePublications
    private let wallClock: any WallClock
    private let logger: Logger
    private var stored: [InstanceName: DatastorePublications.Entry] = [:]
    /// What stays as it is is stored again this often, so that its time says that somebody still looks.
    private static let repetitionInterval = Duration.seconds(600)

    /// Wraps `fleet`.
    package init(
        _ fleet: any ProxyFleet, publications: DatastorePublications, wallClock: any WallClock, logger: Logger
    ) {
        self.fleet = fleet
        self.publications = publications
        self.wallClock = wallClock
        self.logger = logger
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.publish(configuration)
        await note(publication, of: configuration.group)
        return publication
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.look(at: configuration)
        await note(publication, of: configuration.group)
        return publication
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.withdraw(configuration)
        guard publication.isComplete else {
            await note(publication, of: configuration.group)
            return publication
        }
        stored[configuration.group] = nil
        await attempt { () async throws(StoreError) in try await publications.remove(configuration.group) }
        return publication
    }

    private func note(_ publication: Publication, of group: InstanceName) async {
        let entry = DatastorePublications.Entry(group: group, publication: publication, at: wallClock.now())
        if let before = stored[group], Self.essence(of: before.publication) == Self.essence(of: publication),
            entry.at.since(before.at) < Self.repetitionInterval
        {
            return
        }
        stored[group] = entry
        await attempt { () async throws(StoreError) in try await publications.save(entry) }
    }

    /// For people only: what is done does not depend on it.
    private func attempt(_ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) {
            try await body()
        } catch {
            logger.warning("what the nodes hold was not stored", metadata: ["error": "\(error)"])
        }
    }

    /// Connections come and go, and are worth no write.
    private static func essence(of publication: Publication) -> Publication {
        var publication = publication
        for node in publication.nodes.indices {
            for backend in publication.nodes[node].backends.indices {
                publication.nodes[node].backends[backend].connectionsInUse = 0
            }
        }
        return publication
    }
}
