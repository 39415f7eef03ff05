// A policy as a document: what is stored, what the API shows and what people write in YAML are the same.

extension ScalingPolicy: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        self.init(
            minimumReplicas: reader.integer("minimumReplicas") ?? 0,
            maximumReplicas: reader.required("maximumReplicas", "a whole number", 0))
        step = reader.optional("step", "an object") ?? step
        scaleOutCooldown = reader.seconds("scaleOutCooldownSeconds", old: "scaleOutCooldown") ?? scaleOutCooldown
        scaleInCooldown = reader.seconds("scaleInCooldownSeconds", old: "scaleInCooldown") ?? scaleInCooldown
        scaleOutStabilization = reader.seconds("scaleOutStabilizationSeconds") ?? .zero
        scaleInStabilization = reader.seconds("scaleInStabilizationSeconds") ?? .zero
        drainDeadline = reader.seconds("drainDeadlineSeconds", old: "drainDeadline") ?? drainDeadline
        minimumLifetime = reader.seconds("minimumLifetimeSeconds") ?? .zero
        victimChoice = reader.choice("victim", .youngest)
        metrics = reader.list("metrics")
        schedules = reader.list("schedules")
        freezes = reader.list("freezes")
        budgets = reader.optional("budgets", "an object") ?? budgets
        lagBrake = reader.optional("lagBrake", "an object")
        scaleOutPause = reader.optional("scaleOutPause", "an object")
        scaleInPause = reader.optional("scaleInPause", "an object")
        pin = reader.optional("pin", "an object")
        fitness = reader.optional("fitness", "an object")
        isDryRun = reader.flag("dryRun") ?? false
        guard Self.isStrict(decoder) else {
            try reader.finish()
            return
        }
        // What could be read is checked as well, so that a person mends everything in one round; what could not be
        // read left a gap, and complaints about the gap would mislead.
        var found = reader.findings
        let broken = Set(found.map { String($0.field.prefix { $0 != "." && $0 != "[" }) })
        found += problems().filter { problem in
            let field = String(problem.field.prefix { $0 != "." && $0 != "[" })
            return !broken.contains(field) && !broken.contains { problem.message.contains($0) }
        }
        guard found.isEmpty else { throw PolicyProblems(problems: found) }
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("minimumReplicas", minimumReplicas)
        try writer.write("maximumReplicas", maximumReplicas)
        if step != .fixed(out: 1, in: 1) { try writer.write("step", step) }
        try writer.seconds("scaleOutCooldownSeconds", scaleOutCooldown)
        try writer.seconds("scaleInCooldownSeconds", scaleInCooldown)
        try writer.seconds("scaleOutStabilizationSeconds", scaleOutStabilization, unless: .zero)
        try writer.seconds("scaleInStabilizationSeconds", scaleInStabilization, unless: .zero)
        try writer.seconds("drainDeadlineSeconds", drainDeadline)
        try writer.seconds("minimumLifetimeSeconds", minimumLifetime, unless: .zero)
        if victimChoice != .youngest { try writer.write("victim", victimChoice) }
        try writer.write("metrics", metrics)
        try writer.write("schedules", schedules)
        try writer.write("freezes", freezes)
        if budgets != ScalingBudgets() { try writer.write("budgets", budgets) }
        try writer.write("lagBrake", lagBrake)
        try writer.write("scaleOutPause", scaleOutPause)
        try writer.write("scaleInPause", scaleInPause)
        try writer.write("pin", pin)
        try writer.write("fitness", fitness)
        if isDryRun { try writer.write("dryRun", true) }
    }
}

extension ScalingStep: Codable {
    private enum Kind: String, CaseIterable { case fixed, targetTracking, direct }

    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        let kind = reader.choice("kind", Kind.fixed)
        switch kind {
        case .fixed:
            self = .fixed(out: reader.integer("out") ?? 1, in: reader.integer("in") ?? 1)
        case .targetTracking:
            self = .targetTracking(
                maximumOut: reader.integer("maximumOut") ?? 4, maximumIn: reader.integer("maximumIn") ?? 1)
        case .direct:
            self = .direct(out: reader.integer("out"), in: reader.integer("in"))
        }
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        switch self {
        case .fixed(let out, let `in`):
            try writer.write("kind", Kind.fixed.rawValue)
            try writer.write("out", out)
            try writer.write("in", `in`)
        case .targetTracking(let maximumOut, let maximumIn):
            try writer.write("kind", Kind.targetTracking.rawValue)
            try writer.write("maximumOut", maximumOut)
            try writer.write("maximumIn", maximumIn)
        case .direct(let out, let `in`):
            try writer.write("kind", Kind.direct.rawValue)
            try writer.write("out", out)
            try writer.write("in", `in`)
        }
    }
}

extension ScalingBudgets: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        self.init(
            actionsPerHour: reader.integer("actionsPerHour"), replicaHoursPerDay: reader.number("replicaHoursPerDay"))
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("actionsPerHour", actionsPerHour)
        try writer.write("replicaHoursPerDay", replicaHoursPerDay)
    }
}

extension LagBrake: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        if !reader.contains("engageAboveSeconds") { reader.note("engageAboveSeconds", "is missing") }
        let engage = reader.seconds("engageAboveSeconds") ?? .seconds(1)
        self.init(
            engageAbove: engage, releaseBelow: reader.seconds("releaseBelowSeconds") ?? engage / 2,
            share: reader.number("share") ?? 0.5, writesAbove: reader.number("writesAbove"))
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.seconds("engageAboveSeconds", engageAbove)
        try writer.seconds("releaseBelowSeconds", releaseBelow)
        try writer.write("share", share)
        try writer.write("writesAbove", writesAbove)
    }
}

extension OperatorHold: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        if !reader.contains("until") { reader.note("until", "is missing; nothing is held without an end") }
        self.init(
            until: reader.moment("until") ?? Timestamp(millisecondsSinceEpoch: 0), reason: reader.text("reason") ?? "")
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.moment("until", until)
        if !reason.isEmpty { try writer.write("reason", reason) }
    }
}

extension SizePin: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        let size = reader.required("size", "a whole number", 0)
        if !reader.contains("until") { reader.note("until", "is missing; nothing is held without an end") }
        self.init(
            size: size, until: reader.moment("until") ?? Timestamp(millisecondsSinceEpoch: 0),
            reason: reader.text("reason") ?? "")
        try reader.finish()
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("size", size)
        try writer.moment("until", until)
        if !reason.isEmpty { try writer.write("reason", reason) }
    }
}
