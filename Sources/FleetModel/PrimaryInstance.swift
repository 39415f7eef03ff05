/// What the provider says of an instance that a group replicates from.
package struct PrimaryInstance: Hashable, Sendable {
    /// An address of the instance.
    package struct Address: Hashable, Sendable {
        /// The provider's word, for example `PRIVATE`.
        package var kind: String
        /// The address itself.
        package var text: String

        /// Makes an address.
        package init(kind: String, text: String) {
            self.kind = kind
            self.text = text
        }
    }

    /// Its name.
    package var name: InstanceName
    /// Where clients reach it.
    package var addresses: [Address]
    /// Its replicas, by name.
    package var replicas: [String]
    /// Why no replica of it can ever be made as it is, one sentence each without a full stop.
    package var obstacles: [String]
    /// What else whoever registers it should know, in the same form.
    package var cautions: [String]

    /// Makes an instance.
    package init(
        name: InstanceName, addresses: [Address], replicas: [String], obstacles: [String], cautions: [String]
    ) {
        self.name = name
        self.addresses = addresses
        self.replicas = replicas
        self.obstacles = obstacles
        self.cautions = cautions
    }
}

/// What can be asked about primaries.
package protocol PrimaryLookup: Sendable {
    /// The instance, or nil when the provider says that there is none.
    func primary(named name: InstanceName) async throws(ProviderError) -> PrimaryInstance?
}

/// What was learnt of a primary.
package enum PrimarySight: Hashable, Sendable {
    /// It exists.
    case found(PrimaryInstance)
    /// The provider has no such instance.
    case missing
    /// The provider could not be asked, and why.
    case unknown(String)
}

/// What follows for the registration of a group.
package struct PrimaryVerdict: Hashable, Sendable {
    /// Why the group can never get a replica of Drover's: it is refused. Empty where none is wanted.
    package var refusals: [String] = []
    /// What a person should know.
    package var warnings: [String] = []

    /// Judges what was `seen` of the primary of `record`.
    package init(_ seen: PrimarySight, of record: GroupRecord) {
        let name = record.primaryInstance
        switch seen {
        case .unknown(let reason):
            warnings = [
                "Cloud SQL could not be asked about \(name) (\(reason)), so whether replicas of it can be made shows at the "
                    + "first alert"
            ]
        case .missing:
            warnings = [
                "Cloud SQL has no instance \(name): Drover can make no replica of it; check primaryInstance and "
                    + "cloudsql.project"
            ]
        case .found(let instance):
            // Whoever lets Drover add none may register what cannot be copied.
            if record.policy.maximumReplicas > 0 {
                refusals = instance.obstacles
            } else {
                warnings = instance.obstacles
            }
            warnings +=
                instance.cautions + Self.addresses(of: instance, in: record) + Self.replicas(of: instance, in: record)
        }
    }

    private static func addresses(of instance: PrimaryInstance, in record: GroupRecord) -> [String] {
        let known = Set(instance.addresses.map(\.text))
        guard !known.isEmpty,
            let server = record.configuration.servers.first(where: { $0.origin == .primary }),
            // A name may resolve to any address.
            server.address.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (48...57).contains($0) }),
            !known.contains(server.address)
        else { return [] }
        let shown = instance.addresses.map { "\($0.text) (\($0.kind))" }.joined(separator: ", ")
        return [
            "the primary's address is \(server.address) here, and Cloud SQL says that \(instance.name) has \(shown)"
        ]
    }

    private static func replicas(of instance: PrimaryInstance, in record: GroupRecord) -> [String] {
        let configured = record.configuration.servers.filter { $0.origin == .configured }.map(\.name)
        let known = Set(record.configuration.servers.map(\.name) + record.replicas.map(\.name.text))
        let absent = configured.filter { !instance.replicas.contains($0) }
        let more = instance.replicas.filter { !known.contains($0) }
        var warnings: [String] = []
        if !more.isEmpty {
            warnings.append("Cloud SQL lists replicas of \(instance.name) that the group does not have: \(list(more))")
        }
        if !absent.isEmpty {
            warnings.append(
                "Cloud SQL lists no replica of \(instance.name) that is called \(list(absent)); Drover sends reads there "
                    + "all the same")
        }
        return warnings
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
    }
}

extension GroupRecord {
    /// Whether the provider has to be asked about the primary before this takes the place of `before`: a group that is
    /// new or taken up again, another primary or address, or replicas that may be added from now on.
    package func needsLook(after before: GroupRecord?) -> Bool {
        guard removal == nil else { return false }
        guard let before, before.removal == nil else { return true }
        func address(_ record: GroupRecord) -> String? {
            record.configuration.servers.first { $0.origin == .primary }?.address
        }
        return primaryInstance != before.primaryInstance || address(self) != address(before)
            || policy.maximumReplicas > 0 && before.policy.maximumReplicas == 0
    }
}
