import FleetModel

/// What an earlier generation makes of a group.
enum Rollback {
    /// `current` with the content that a person gave it in `earlier`. The replicas that Drover manages and the places
    /// in ProxySQL belong to the present, and stay.
    static func record(_ current: GroupRecord, to earlier: GroupRecord) -> GroupRecord {
        var record = current
        record.policy = earlier.policy
        // What an operator says to the scaler now is no part of an earlier content.
        record.policy.scaleOutPause = current.policy.scaleOutPause
        record.policy.scaleInPause = current.policy.scaleInPause
        record.policy.pin = current.policy.pin
        record.primaryInstance = earlier.primaryInstance
        record.tls = earlier.tls
        let moved = { (hostgroup: Int) in
            switch hostgroup {
            case earlier.configuration.writerHostgroup: current.configuration.writerHostgroup
            case earlier.configuration.readerHostgroup: current.configuration.readerHostgroup
            default: hostgroup
            }
        }
        let managed = current.configuration.servers.filter { $0.origin == .managed }
        let taken = Set(managed.map(\.name))
        record.configuration.servers =
            earlier.configuration.servers.filter { $0.origin != .managed && !taken.contains($0.name) }.map {
                var server = $0
                server.hostgroup = moved($0.hostgroup)
                // That Drover kept a reader out is no part of a content; that it does now stays.
                if earlier.isSidelined($0.name) { server.status = .online }
                if server.status == .online, current.isSidelined($0.name) { server.status = .offlineSoft }
                return server
            } + managed
        record.configuration.users = earlier.configuration.users.map {
            var user = $0
            user.defaultHostgroup = moved($0.defaultHostgroup)
            return user
        }
        record.configuration.queryRules = earlier.configuration.queryRules.map {
            var rule = $0
            rule.destinationHostgroup = moved($0.destinationHostgroup)
            return rule
        }
        return record
    }
}
