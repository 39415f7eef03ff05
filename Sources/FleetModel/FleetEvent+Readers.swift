extension FleetEvent {
    /// What the watch over a group's readers did between two saves.
    static func readers(_ old: GroupRecord, _ new: GroupRecord, _ now: Timestamp) -> [FleetEvent] {
        var events: [FleetEvent] = []
        for unfit in new.unfitReaders ?? [] {
            if let event = event(of: unfit, before: old.unfit(unfit.name), new, now) { events.append(event) }
        }
        for gone in old.unfitReaders ?? [] where new.unfit(gone.name) == nil {
            guard let server = new.configuration.servers.first(where: { $0.name == gone.name }),
                server.status == .online
            else { continue }
            events.append(
                event(
                    .readerFit, .info, gone, new, now,
                    "Reader \(gone.name) of group \(new.name) is fit to serve again and has its full share."))
        }
        if let trouble = new.commonTrouble, old.commonTrouble == nil {
            let names = trouble.readers.joined(separator: ", ")
            events.append(
                FleetEvent(
                    .readersUnfitAlike, .warning, group: new.name, at: now,
                    "\(trouble.readers.count) readers of group \(new.name) are unfit at the same time (\(names)). The "
                        + "cause is likely the primary, not they: it writes more than they can follow, or is away. Drover "
                        + "leaves those that are in use where they are and replaces none.",
                    fields: [
                        .replicas: trouble.readers.joined(separator: ","),
                        .reason: Set(trouble.readers.compactMap { new.unfit($0)?.code }).sorted().joined(
                            separator: ","),
                    ]))
        }
        return events
    }

    private static func event(
        of unfit: UnfitReader, before: UnfitReader?, _ record: GroupRecord, _ now: Timestamp
    ) -> FleetEvent? {
        let reader = "Reader \(unfit.name) of group \(record.name)"
        switch (before?.phase, unfit.phase) {
        case (.sidelined?, .sidelined), (.returning?, .returning): return nil
        case (_, .sidelined):
            return event(
                .readerSidelined, .warning, unfit, record, now,
                "\(reader) takes no new connections, because it is not fit to serve: \(unfit.sentence).")
        case (_, .returning):
            return event(
                .readerReturning, .info, unfit, record, now,
                "\(reader) is fit to serve again; its share grows step by step.")
        case (.unfit?, .unfit) where before?.code == unfit.code: return nil
        case (_, .unfit):
            let why = unfit.waitsFor.map { "It still takes reads: \($0)." } ?? "It still takes reads."
            return event(
                .readerUnfit, .warning, unfit, record, now,
                "\(reader) is not fit to serve: \(unfit.sentence). \(why)")
        }
    }

    private static func event(
        _ kind: Kind, _ severity: Severity, _ unfit: UnfitReader, _ record: GroupRecord, _ now: Timestamp,
        _ sentence: String
    ) -> FleetEvent {
        var fields: [Field: String] = [.replica: unfit.name, .reason: unfit.sentence, .since: unfit.since.rfc3339]
        fields[.address] = record.configuration.servers.first { $0.name == unfit.name }?.address
        return FleetEvent(kind, severity, group: record.name, at: now, sentence, fields: fields)
    }
}
