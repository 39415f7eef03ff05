import FleetModel
import Foundation
import Testing

@Suite("A policy as a document")
struct PolicyDocumentTests {
    private func read(_ json: String, strictly: Bool = true) throws -> ScalingPolicy {
        let decoder = JSONDecoder()
        if strictly { decoder.userInfo = ScalingPolicy.strictReading }
        return try decoder.decode(ScalingPolicy.self, from: Data(json.utf8))
    }

    private let complete = """
        {"minimumReplicas":1,"maximumReplicas":8,"step":{"kind":"targetTracking","maximumOut":3,"maximumIn":1},
         "scaleOutCooldownSeconds":120,"scaleInCooldownSeconds":900,"scaleOutStabilizationSeconds":60,
         "scaleInStabilizationSeconds":600,"drainDeadlineSeconds":300,"minimumLifetimeSeconds":1800,
         "victim":"leastLoaded","dryRun":true,
         "metrics":[
          {"name":"cpu","source":{"kind":"cloudMonitoring","metricType":"cloudsql.googleapis.com/database/cpu/utilization"},
           "scaleOut":{"threshold":0.7,"margin":0.05},"scaleIn":{"threshold":0.3},"target":0.5},
          {"name":"lag","role":"replicaLag","source":{"kind":"external"},"staleAfterSeconds":60}],
         "schedules":[{"name":"morning","minimumReplicas":2,"cron":"0 7 * * mon-fri","durationSeconds":3600,
           "timeZone":"Europe/Berlin"}],
         "freezes":[{"name":"sale","from":"2026-11-27T00:00:00Z","until":"2026-11-28T00:00:00Z"}],
         "budgets":{"actionsPerHour":6,"replicaHoursPerDay":72.5},
         "lagBrake":{"engageAboveSeconds":60,"releaseBelowSeconds":10,"share":0.5},
         "scaleInPause":{"until":"2026-12-01T00:00:00Z","reason":"import"},
         "pin":{"size":3,"until":"2026-12-01T00:00:00Z"}}
        """

    @Test("everything that is written is read again as it was")
    func roundTrip() throws {
        let policy = try read(complete)
        #expect(policy.problems().isEmpty)
        #expect(policy.metrics.count == 2)
        let written = try JSONEncoder().encode(policy)
        #expect(try read(String(decoding: written, as: UTF8.self)) == policy)
    }

    @Test("what is left out is Chester's behaviour")
    func defaults() throws {
        #expect(try read(#"{"maximumReplicas":4}"#) == ScalingPolicy(maximumReplicas: 4))
    }

    @Test("every wrong field is named at once, with what would be right")
    func problems() throws {
        let json = """
            {"minimumReplicas":9,"maximumReplicas":3,"colour":1,"scaleOutCooldownSeconds":-1,"victim":"tallest",
             "metrics":[{"name":"cpu","source":{"kind":"cloudMonitoring"},"scaleOut":{"threshold":"high"},
               "scaleIn":{"threshold":0.2}}],
             "schedules":[{"name":"m","minimumReplicas":1,"cron":"61 * * * *","durationSeconds":3600}],
             "pin":{"size":2}}
            """
        let error = #expect(throws: PolicyProblems.self) { try read(json) }
        let fields = Set(error?.problems.map(\.field) ?? [])
        for field in [
            "minimumReplicas", "colour", "scaleOutCooldownSeconds", "victim", "metrics[0].source.metricType",
            "metrics[0].scaleOut.threshold", "schedules[0].cron", "pin.until",
        ] {
            #expect(fields.contains(field), "\(field) in \(fields)")
        }
    }

    @Test("what an earlier version stored is read")
    func stored() throws {
        var policy = ScalingPolicy(minimumReplicas: 1, maximumReplicas: 3)
        policy.scaleOutCooldown = .seconds(60)
        let json = """
            {"minimumReplicas":1,"maximumReplicas":3,"scaleOutCooldown":[\(try parts(.seconds(60)))],
             "scaleInCooldown":[\(try parts(.seconds(300)))],"drainDeadline":[\(try parts(.seconds(600)))],"later":true}
            """
        #expect(try read(json, strictly: false) == policy)
    }

    private func parts(_ duration: Duration) throws -> String {
        String(decoding: try JSONEncoder().encode(duration), as: UTF8.self).filter { $0 != "[" && $0 != "]" }
    }
}

@Suite("Cron and calendar")
struct CronTests {
    @Test(
        "expressions that cannot be read name the field",
        arguments: ["* * * *", "60 * * * *", "* * 0 * *", "* * * foo *", "5-1 * * * *", "*/0 * * * *", ""])
    func wrong(text: String) {
        #expect(throws: CronExpression.Invalid.self) { try CronExpression(text) }
    }

    @Test(
        "a window is open from its match for its length",
        arguments: [
            ("0 8 * * mon-fri", "2026-03-02T08:00:00Z", true), ("0 8 * * mon-fri", "2026-03-02T08:59:59Z", true),
            ("0 8 * * mon-fri", "2026-03-02T09:00:00Z", false), ("0 8 * * mon-fri", "2026-03-01T08:30:00Z", false),
            ("30 23 31 12 *", "2027-01-01T00:15:00Z", true), ("0 0 29 2 *", "2028-02-29T00:30:00Z", true),
            ("0 0 13 * fri", "2026-03-13T00:10:00Z", true), ("*/30 * * * 7", "2026-03-01T10:00:00Z", true),
        ])
    func windows(cron: String, moment: String, isOpen: Bool) throws {
        let window = RecurringWindow(cron: try CronExpression(cron), duration: .seconds(3_600))
        let now = try #require(Timestamp(rfc3339: moment))
        #expect((window.end(at: now, offsets: FixedUTCOffset()) != nil) == isOpen)
    }

    @Test("times are read as they are written, and days that there are not are refused")
    func times() {
        for text in [
            "1969-12-31T23:59:59.999Z", "2000-02-29T00:00:00Z", "2026-11-21T08:30:00Z", "2400-12-31T23:59:59Z",
        ] {
            #expect(Timestamp(rfc3339: text)?.rfc3339 == text)
        }
        for text in ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "x"] {
            #expect(Timestamp(rfc3339: text) == nil)
        }
    }
}
