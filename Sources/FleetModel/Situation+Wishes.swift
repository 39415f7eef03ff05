// What is asked for, before any guard: the largest wish wins, floors raise it, the maximum caps it.

extension Situation {
    /// A wish that names a size, taken by its size.
    private struct Asked {
        var size: Int
        var wish: Wish
    }

    /// The size that is wished for, inside the limits, with its reason; no guard was asked yet.
    func wished() -> ScalingDecision {
        if let pin = policy.pin, now < pin.until { return pinned(pin) }
        let incident = incidentWish()
        let metric = metricWish.map { Asked(size: $0.settled, wish: $0.raw) }
        // Of equal wishes the incident's is named: a person can look it up.
        let asked = [incident, metric].compactMap(\.self).reduce(nil as Asked?) { largest, next in
            next.size > (largest?.size ?? .min) ? next : largest
        }
        let floors = floorWishes()
        let floor = floors.max { ($0.size, $1.wish.name) < ($1.size, $0.wish.name) }
        let wanted = max(asked?.size ?? current, floor?.size ?? 0)
        let size = min(wanted, policy.maximumReplicas)
        var decision = ScalingDecision(
            direction: nil, reason: .noWish, current: current, desired: size,
            wishes: [incident?.wish, metricWish?.raw].compactMap(\.self) + floors.map(\.wish), memory: memory)
        if size > current {
            let isFloor = (floor?.size ?? 0) > max(asked?.size ?? 0, current)
            decision.take(isFloor ? floor?.wish : asked?.wish, .out)
        } else if size < current {
            decision.take(wanted < current ? asked?.wish : Wish(rule: .aboveMaximum, size: size), .in)
        } else {
            hold(&decision, incident: incident, asked: asked, floor: floor, wanted: wanted)
        }
        return decision
    }

    private func pinned(_ pin: SizePin) -> ScalingDecision {
        let wish = Wish(rule: .pinned, size: pin.size)
        let size = min(max(pin.size, policy.minimumReplicas), policy.maximumReplicas)
        var decision = ScalingDecision(
            direction: nil, reason: .pinned, current: current, desired: size, wish: wish, wishes: [wish],
            notBefore: size == current ? pin.until : nil, detail: pin.reason.isEmpty ? nil : pin.reason,
            memory: memory)
        if size != current { decision.take(wish, size > current ? .out : .in) }
        return decision
    }

    /// What keeps the size where it is.
    private func hold(
        _ decision: inout ScalingDecision, incident: Asked?, asked: Asked?, floor: Asked?, wanted: Int
    ) {
        if wanted > current {
            decision.reason = .maximumSize
            decision.wish = (asked?.size ?? 0) >= wanted ? asked?.wish : floor?.wish
        } else if let asked, asked.size < current {
            decision.reason = floor?.wish.rule == .schedule ? .schedule : .minimumSize
            decision.wish = asked.wish
        } else if hasStaleLoad {
            decision.reason = .staleMetrics
            decision.wish = incident?.wish
        } else if let metricWish, let raw = metricWish.raw.size, raw != current {
            decision.reason = .stabilizing
            decision.wish = metricWish.raw
        } else if let incident, incident.size < current {
            decision.reason = .metric
            decision.wish = incident.wish
        }
    }

    /// One more while an incident asks for more, else one fewer while one asks for fewer; the oldest is named.
    private func incidentWish() -> Asked? {
        let open = inputs.incidents.filter { $0.state == .open }
        func oldest(_ action: IncidentAction) -> Incident? {
            open.filter { $0.action == action }.min { ($0.startedAt, $0.id) < ($1.startedAt, $1.id) }
        }
        let (adding, removing) = (oldest(.add), oldest(.remove))
        guard let incident = adding ?? removing else { return nil }
        let size = adding == nil ? current - 1 : current + 1
        return Asked(size: size, wish: Wish(rule: .openIncident, name: incident.id, size: size))
    }

    /// The minimum, and the floors of the schedules that hold now.
    private func floorWishes() -> [Asked] {
        var floors: [Asked] = []
        let minimum = min(policy.minimumReplicas, policy.maximumReplicas)
        if minimum > 0 { floors.append(Asked(size: minimum, wish: Wish(rule: .belowMinimum, size: minimum))) }
        for schedule in policy.schedules where schedule.window.end(at: now, offsets: inputs.offsets) != nil {
            let size = schedule.minimumReplicas
            floors.append(Asked(size: size, wish: Wish(rule: .schedule, name: schedule.name, size: size)))
        }
        return floors
    }
}

extension ScalingDecision {
    /// Goes in `direction` because of `wish`.
    fileprivate mutating func take(_ wish: Wish?, _ direction: ScalingDirection) {
        self.wish = wish
        self.direction = direction
        reason = wish?.rule ?? reason
        incidentID = wish?.rule == .openIncident ? wish?.name : nil
    }
}
