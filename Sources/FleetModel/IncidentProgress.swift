extension Incident {
    /// Chester's word for where this incident is, derived from what its group is doing; other tools read it.
    package func progress(in record: GroupRecord) -> LastProcess {
        guard let replica = record.replicas.first(where: { $0.incidentID == id && $0.state != .serving }) else {
            if state == .closed { return .clear }
            return [.webhookPush, .acknowledged].contains(lastProcess) ? .acknowledged : .statusCheck
        }
        return switch replica.state {
        case .planned, .creating, .starting, .deleting: .instanceCall
        case .admitted, .ramping, .draining: .configurationUpdate
        case .removed: .publication
        // A group that is being removed stops what is under way; that is no failure, and nothing is tried again.
        case .failed: record.removal == nil ? .fail : .statusCheck
        case .serving, .gone: .statusCheck
        }
    }

    /// Brings the record up to what the group is doing.
    /// - Returns: whether anything changed and is worth saving.
    package mutating func follow(_ record: GroupRecord, at now: Timestamp) -> Bool {
        var updated = self
        updated.lastProcess = progress(in: record)
        if let replica = record.replicas.last(where: { $0.incidentID == id }) {
            updated.lastReplicaName = replica.name.text
            updated.lastAddress = replica.address ?? updated.lastAddress
            updated.operationID = replica.operationID ?? ""
        } else {
            updated.operationID = ""
        }
        guard updated != self else { return false }
        updated.updatedAt = now
        updated.updatedBy = "scaler"
        self = updated
        return true
    }
}
