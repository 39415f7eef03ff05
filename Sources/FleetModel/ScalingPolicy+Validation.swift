extension ScalingPolicy {
    /// Everything that is out of range or does not fit together; empty for a policy that can be used.
    /// - Parameter offsets: also refuses time zones that it does not know; nil leaves them unchecked.
    package func problems(offsets: (any UTCOffset)? = nil) -> [PolicyProblem] {
        var check = PolicyCheck()
        check.that((0...1_000).contains(minimumReplicas), "minimumReplicas", "must be 0 to 1,000")
        check.that((0...1_000).contains(maximumReplicas), "maximumReplicas", "must be 0 to 1,000")
        check.that(
            minimumReplicas <= maximumReplicas, "minimumReplicas",
            "is \(minimumReplicas) and must not be above maximumReplicas, which is \(maximumReplicas)")
        checkStep(&check)
        check.seconds(scaleOutCooldown, "scaleOutCooldownSeconds", 0...86_400)
        check.seconds(scaleInCooldown, "scaleInCooldownSeconds", 0...86_400)
        check.seconds(scaleOutStabilization, "scaleOutStabilizationSeconds", 0...86_400)
        check.seconds(scaleInStabilization, "scaleInStabilizationSeconds", 0...86_400)
        check.seconds(drainDeadline, "drainDeadlineSeconds", 0...604_800)
        check.seconds(minimumLifetime, "minimumLifetimeSeconds", 0...2_678_400)
        checkMetrics(&check)
        checkWindows(&check, offsets)
        checkHolds(&check)
        checkFitness(&check)
        return check.problems
    }

    private func checkStep(_ check: inout PolicyCheck) {
        switch step {
        case .fixed(let out, let `in`):
            check.that((1...1_000).contains(out), "step.out", "must be 1 to 1,000")
            check.that((1...1_000).contains(`in`), "step.in", "must be 1 to 1,000")
        case .targetTracking(let out, let `in`):
            check.that((1...1_000).contains(out), "step.maximumOut", "must be 1 to 1,000")
            check.that((1...1_000).contains(`in`), "step.maximumIn", "must be 1 to 1,000")
        case .direct(let out, let `in`):
            let limits = min(minimumReplicas, maximumReplicas)...max(minimumReplicas, maximumReplicas)
            let sentence = "must be within minimumReplicas and maximumReplicas"
            check.that(out.map(limits.contains) ?? true, "step.out", sentence)
            check.that(`in`.map(limits.contains) ?? true, "step.in", sentence)
        }
    }

    private func checkMetrics(_ check: inout PolicyCheck) {
        check.names(metrics.map(\.name), "metrics")
        for (index, metric) in metrics.enumerated() {
            let field = "metrics[\(index)]"
            check.seconds(metric.staleAfter, "\(field).staleAfterSeconds", 1...86_400)
            if case .cloudMonitoring(let series) = metric.source {
                check.that(!series.metricType.isEmpty, "\(field).source.metricType", "must not be empty")
                check.that(
                    !(series.metricType + series.aligner).contains("\""), "\(field).source.metricType",
                    "must not contain quotation marks")
                check.seconds(series.alignmentPeriod, "\(field).source.alignmentPeriodSeconds", 60...86_400)
            }
            check.that(
                metric.source != .proxySQLConnections || metric.basis == .perReader, "\(field).basis",
                "must be \"perReader\" for proxySQLConnections, which is a share")
            guard metric.role == .load else { continue }
            let (out, into) = (metric.scaleOut, metric.scaleIn)
            check.that(
                out.threshold.isFinite && out.threshold > 0, "\(field).scaleOut.threshold", "must be above 0")
            check.that(
                into.threshold.isFinite && into.threshold >= 0, "\(field).scaleIn.threshold", "must be 0 or more")
            check.that(out.margin.isFinite && out.margin >= 0, "\(field).scaleOut.margin", "must be 0 or more")
            check.that(into.margin.isFinite && into.margin >= 0, "\(field).scaleIn.margin", "must be 0 or more")
            check.that(
                into.threshold < out.threshold, "\(field).scaleIn.threshold",
                "is \(into.threshold) and must be below scaleOut.threshold, which is \(out.threshold)")
            if let target = metric.target {
                check.that(
                    target.isFinite && target > 0 && target <= out.threshold, "\(field).target",
                    "must be above 0 and at most scaleOut.threshold")
            }
        }
        guard let brake = lagBrake else { return }
        check.that(
            metrics.contains { $0.role == .replicaLag }, "lagBrake", "needs a metric of the role \"replicaLag\"")
        check.seconds(brake.engageAbove, "lagBrake.engageAboveSeconds", 1...86_400)
        check.that(
            brake.releaseBelow >= .zero && brake.releaseBelow <= brake.engageAbove, "lagBrake.releaseBelowSeconds",
            "must be 0 to engageAboveSeconds")
        check.that(brake.share > 0 && brake.share <= 1, "lagBrake.share", "must be above 0 and at most 1")
        if brake.writesAbove != nil {
            check.that(
                metrics.contains { $0.role == .primaryWrites }, "lagBrake.writesAbove",
                "needs a metric of the role \"primaryWrites\"")
        }
    }

    private func checkWindows(_ check: inout PolicyCheck, _ offsets: (any UTCOffset)?) {
        check.names(schedules.map(\.name), "schedules")
        for (index, schedule) in schedules.enumerated() {
            let field = "schedules[\(index)]"
            check.that((1...1_000).contains(schedule.minimumReplicas), "\(field).minimumReplicas", "must be 1 to 1,000")
            check.that(
                schedule.minimumReplicas <= maximumReplicas, "\(field).minimumReplicas",
                "must not be above maximumReplicas, which is \(maximumReplicas)")
            check.window(schedule.window, field, offsets)
        }
        check.names(freezes.map(\.name), "freezes")
        for (index, freeze) in freezes.enumerated() {
            switch freeze.time {
            case .recurring(let window): check.window(window, "freezes[\(index)]", offsets)
            case .once(let from, let until):
                check.that(from < until, "freezes[\(index)].until", "must be after from")
            }
        }
    }

    private func checkFitness(_ check: inout PolicyCheck) {
        guard let fitness else { return }
        if let lag = fitness.maximumLag { check.seconds(lag, "fitness.maximumLagSeconds", 1...86_400) }
        check.that((1...100).contains(fitness.samplesOut), "fitness.samplesOut", "must be 1 to 100")
        check.that((1...100).contains(fitness.samplesIn), "fitness.samplesIn", "must be 1 to 100")
        check.seconds(fitness.replaceAfter, "fitness.replaceAfterSeconds", 60...604_800)
        check.that(
            fitness.maximumShare > 0 && fitness.maximumShare <= 1, "fitness.maximumShare",
            "must be above 0 and at most 1")
        check.that(
            (0...100).contains(fitness.replacementsPerDay), "fitness.replacementsPerDay", "must be 0 to 100")
    }

    private func checkHolds(_ check: inout PolicyCheck) {
        if let actions = budgets.actionsPerHour {
            check.that((1...1_000).contains(actions), "budgets.actionsPerHour", "must be 1 to 1,000")
        }
        if let hours = budgets.replicaHoursPerDay {
            check.that(hours > 0 && hours <= 24_000, "budgets.replicaHoursPerDay", "must be above 0, up to 24,000")
        }
        if let pin {
            check.that(
                (0...1_000).contains(pin.size) && pin.size <= maximumReplicas && pin.size >= minimumReplicas,
                "pin.size", "must be within minimumReplicas and maximumReplicas")
        }
    }
}

/// Collects problems.
private struct PolicyCheck {
    var problems: [PolicyProblem] = []

    mutating func that(_ isRight: Bool, _ field: String, _ message: String) {
        if !isRight { problems.append(PolicyProblem(field, message)) }
    }

    mutating func seconds(_ duration: Duration, _ field: String, _ range: ClosedRange<Int64>) {
        that(
            duration >= .seconds(range.lowerBound) && duration <= .seconds(range.upperBound), field,
            "must be \(range.lowerBound) to \(range.upperBound) seconds")
    }

    mutating func names(_ names: [String], _ field: String) {
        for (index, name) in names.enumerated() {
            that(
                (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(Self.isNameByte), "\(field)[\(index)].name",
                "must be 1 to 64 letters, digits, hyphens, underscores or points")
            that(
                !names[..<index].contains(name), "\(field)[\(index)].name",
                "is \"\(name)\" as that of one before it")
        }
    }

    mutating func window(_ window: RecurringWindow, _ field: String, _ offsets: (any UTCOffset)?) {
        seconds(window.duration, "\(field).durationSeconds", 60...2_678_400)
        if let offsets {
            that(
                offsets.secondsEast(of: window.timeZone, at: Timestamp(secondsSinceEpoch: 1_800_000_000)) != nil,
                "\(field).timeZone",
                "is \"\(window.timeZone)\" and must be an IANA name such as Europe/Berlin, UTC, or an offset such as "
                    + "+02:00")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
            || byte == 0x2D || byte == 0x5F || byte == 0x2E
    }
}
