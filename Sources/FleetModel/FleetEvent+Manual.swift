extension FleetEvent {
    /// What an event may say for tools; the raw value is the member's name in JSON.
    package enum Field: String, Hashable, Sendable, CaseIterable {
        case action, actor, address, changed, concern, current, desired, direction, generation, incident
        case lastProcess = "last-process"
        case maximum, minimum, missing, nodes, operation, policy
        case previousMaximum = "previous-maximum"
        case previousMinimum = "previous-minimum"
        case primary, reason, replica, replicas, rows, seconds, serving, since, state, subject, victim

        /// What it holds, for the manual.
        package var meaning: String {
            switch self {
            case .action: "What the alert asks for: `add` or `remove` a replica."
            case .actor: "Who closed the incident, other than its alert."
            case .address: "The replica's address, once it has one."
            case .changed: "What changed: servers, users, query rules, hostgroups."
            case .concern: "What has taken too long: the event's own kind, or in `concern-over` the one that ended."
            case .current: "Managed replicas when it was decided."
            case .desired: "Managed replicas that the group should have."
            case .direction: "`out`, `in` or `hold`."
            case .generation: "The generation of the group's configuration."
            case .incident: "The incident's id."
            case .lastProcess: "The incident's progress, in Chester's words."
            case .maximum: "The most managed replicas that the policy allows."
            case .minimum: "The fewest managed replicas that the policy keeps."
            case .missing: "The nodes that do not hold the generation, separated by commas."
            case .nodes:
                "How many nodes there are; in `publication-failing` the nodes that lack the generation, in `orphaned-rows` those that hold the rows."
            case .operation: "The id of the provider's operation."
            case .policy: "The name of the alerting policy."
            case .previousMaximum: "`maximum` before the change."
            case .previousMinimum: "`minimum` before the change."
            case .primary: "The group's primary instance."
            case .reason: "Why: the rule that decided, or what failed."
            case .replica: "The replica's name."
            case .replicas:
                "Managed replicas of the group now; in `readers-unfit-alike` the readers, separated by commas."
            case .rows: "The rows that are somebody else's: table and key of each."
            case .seconds: "How long it has lasted."
            case .serving: "Managed replicas that serve."
            case .since: "Since when it has been so."
            case .state: "The replica's state."
            case .subject: "What it is about, such as a replica's name; may be empty."
            case .victim: "The replica that goes."
            }
        }
    }
}

extension FleetEvent.Kind {
    /// What happened, for the manual.
    package var meaning: String {
        switch self {
        case .groupCreated: "A group was registered."
        case .groupRemoved: "A group and its configuration were taken away."
        case .configurationChanged: "A person or a tool changed servers, users, query rules or hostgroups."
        case .policyChanged: "A person or a tool changed limits, pauses or holds of the scaling."
        case .replicaPlanned: "A replica is about to be created."
        case .replicaCreating: "The provider took the create call."
        case .replicaStarting: "The instance exists and is being checked."
        case .replicaAdmitted: "The replica passed its checks and is being brought to the nodes."
        case .replicaRamping: "The replica takes a part of its share of the traffic, and more with time."
        case .replicaServing: "Every live node sends the replica traffic."
        case .replicaDraining: "The replica takes no new connections."
        case .replicaRemoved: "The replica is being taken out of every node."
        case .replicaDeleting: "The instance is being deleted."
        case .replicaGone: "The instance does not exist any more."
        case .replicaFailed: "The replica cannot serve and is cleaned up."
        case .replicaHeld: "Something that a person must change holds the replica in its state; `reason` says what."
        case .replicaMoved: "The instance has another address, and the rows of the nodes follow it."
        case .readerUnfit:
            "A reader is not fit to serve and still takes reads; `reason` says why, and what keeps it there."
        case .readerSidelined: "A reader that is not fit to serve takes no new connections; `reason` says why."
        case .readerReturning: "A sidelined reader is fit again and takes reads, more with time."
        case .readerFit: "A reader that was not fit to serve is fit again and has its full share."
        case .readersUnfitAlike:
            "More readers than may be sidelined are unfit at the same time: the cause is likely the primary, and they stay."
        case .replicaLeft: "Drover lets go of the replica and leaves its instance, which goes on running, to its owner."
        case .incidentOpened: "An alert began to fire."
        case .groupUnknown:
            "An alert began to fire for a group that is not registered: nothing comes of it until it is, under that name."
        case .incidentClosed: "An alert is over, or a person closed it."
        case .incidentExpired: "The scaler closed an incident of which nothing was heard for too long."
        case .incidentCleared: "Everything that an alert asked for is done."
        case .incidentFailed: "A step that an alert asked for failed for good."
        case .publicationFinished: "Every live node holds a generation."
        case .publicationIncomplete: "A node that may be alive does not hold a generation yet."
        case .foreignRows: "Nodes have rows of somebody else in places of a group; they were left as they are."
        case .generationRaised:
            "Nodes knew a newer generation than the group's record, which went on above it: the store was restored or moved, "
                + "or the group was registered again under an old name."
        case .decisionMade: "Something else than before was decided about a group's size."
        case .sizeUnmet: "A group has had fewer replicas than it wants for long."
        case .operationStuck: "A replica has been in one state for longer than it should be."
        case .publicationFailing: "The nodes have not all held what they must for long."
        case .decisionMissing: "An alert fires, and nothing has been decided about its group for long."
        case .incidentOld: "An alert has fired for so long that its closing may be lost."
        case .rowsOrphaned:
            "Nodes hold rows of a group that is not registered, and what becomes of them is for a person."
        case .concernOver: "What `concern` names, and was told before, is over."
        case .test: "Somebody tries whether notifications arrive; it is in no log."
        }
    }

    /// The fields that such an event may have. One outside of these is a mistake of ours that debug builds trap on.
    package var fields: Set<FleetEvent.Field> {
        switch self {
        case .groupCreated: [.primary, .maximum, .generation]
        case .groupRemoved: [.primary]
        case .configurationChanged: [.changed, .generation]
        case .policyChanged: [.minimum, .maximum, .previousMinimum, .previousMaximum]
        case .replicaPlanned, .replicaCreating, .replicaStarting, .replicaAdmitted, .replicaServing, .replicaRamping,
            .replicaDraining, .replicaRemoved, .replicaDeleting, .replicaGone, .replicaFailed,
            .replicaHeld, .replicaMoved, .replicaLeft:
            [.replica, .state, .replicas, .maximum, .incident, .address, .operation, .reason]
        case .readerUnfit: [.concern, .subject, .seconds, .replica, .address, .reason, .since]
        case .readerSidelined, .readerReturning, .readerFit: [.replica, .address, .reason, .since]
        case .readersUnfitAlike: [.replicas, .reason]
        case .incidentOpened, .groupUnknown, .incidentClosed, .incidentExpired, .incidentCleared, .incidentFailed:
            [.incident, .policy, .action, .primary, .lastProcess, .replica, .reason, .actor]
        case .publicationFinished, .publicationIncomplete: [.generation, .nodes, .missing]
        case .foreignRows: [.concern, .subject, .seconds, .generation, .nodes, .rows]
        case .generationRaised: [.generation, .reason]
        case .decisionMade: [.reason, .direction, .current, .desired, .victim]
        case .sizeUnmet: [.concern, .subject, .seconds, .desired, .serving, .reason]
        case .operationStuck: [.concern, .subject, .seconds, .replica, .state, .operation, .reason]
        case .publicationFailing: [.concern, .subject, .seconds, .generation, .nodes]
        case .decisionMissing, .incidentOld: [.concern, .subject, .seconds, .incident]
        case .rowsOrphaned: [.concern, .subject, .seconds, .nodes, .reason]
        case .concernOver: [.concern, .subject]
        case .test: []
        }
    }
}
