/// How a group's readers are watched while they serve, and what Drover does about one that is not fit to.
///
/// A group without it is watched all the same, and people are told; nothing is done.
package struct FitnessPolicy: Hashable, Sendable {
    /// Whether Drover acts; otherwise it only tells.
    package var isActing: Bool
    /// A reader behind by more is not fit; nil for the group's `maxReplicationLag`, else thirty seconds.
    package var maximumLag: Duration?
    /// So many looks in a row that find a reader unfit take it out, 1–100.
    package var samplesOut: Int
    /// So many looks in a row that find it fit bring it back, 1–100.
    package var samplesIn: Int
    /// A replica whose replication has not run for so long is replaced by a new one.
    package var replaceAfter: Duration
    /// No more than this share of the readers is sidelined at once, above 0 up to 1.
    package var maximumShare: Double
    /// Replacements in any twenty-four hours, 0–100; 0 never replaces.
    package var replacementsPerDay: Int
    /// Whether configured readers are sidelined too; they are never replaced.
    package var guardsConfigured: Bool

    /// The lag that is too much where nobody named one.
    package static let defaultMaximumLag = Duration.seconds(30)

    /// Makes the policy of a group that is new.
    package init(isActing: Bool = true) {
        self.isActing = isActing
        self.samplesOut = 3
        self.samplesIn = 5
        self.replaceAfter = .seconds(900)
        self.maximumShare = 0.5
        self.replacementsPerDay = 3
        self.guardsConfigured = false
    }

    /// How many of `readers` may be sidelined at once; at least one always stays.
    package func mostSidelined(of readers: Int) -> Int {
        guard readers > 1, maximumShare > 0 else { return 0 }
        let share = Int(clamping: (Double(readers) * min(maximumShare, 1)).rounded(.down))
        return min(share, readers - 1)
    }
}

extension FitnessPolicy: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        self.init(isActing: reader.flag("enabled") ?? true)
        maximumLag = reader.seconds("maximumLagSeconds")
        samplesOut = reader.integer("samplesOut") ?? samplesOut
        samplesIn = reader.integer("samplesIn") ?? samplesIn
        replaceAfter = reader.seconds("replaceAfterSeconds") ?? replaceAfter
        maximumShare = reader.number("maximumShare") ?? maximumShare
        replacementsPerDay = reader.integer("replacementsPerDay") ?? replacementsPerDay
        guardsConfigured = reader.flag("guardConfigured") ?? false
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        let usual = FitnessPolicy()
        // Always there: an object without it would say the default of whoever reads it.
        try writer.write("enabled", isActing)
        if let maximumLag { try writer.seconds("maximumLagSeconds", maximumLag) }
        if samplesOut != usual.samplesOut { try writer.write("samplesOut", samplesOut) }
        if samplesIn != usual.samplesIn { try writer.write("samplesIn", samplesIn) }
        try writer.seconds("replaceAfterSeconds", replaceAfter, unless: usual.replaceAfter)
        if maximumShare != usual.maximumShare { try writer.write("maximumShare", maximumShare) }
        if replacementsPerDay != usual.replacementsPerDay {
            try writer.write("replacementsPerDay", replacementsPerDay)
        }
        if guardsConfigured { try writer.write("guardConfigured", true) }
    }
}
