import FleetModel
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// A node that only counts its LOADs.
private final class CountingNode: AdminShell {
    private struct State {
        var statements: [String] = []
        var versions: [String: Int64] = [:]
        var epochs: [String: Int64] = [:]
    }

    private let state = Mutex(State())
    private let wallClock: TestWallClock

    /// Every module was loaded `version` times, the last time in this second.
    init(version: Int64, _ wallClock: TestWallClock) {
        self.wallClock = wallClock
        let names = CoreModule.allCases.map(\.checksumName) + ["proxysql_servers"]
        state.withLock { state in
            for name in names {
                state.versions[name] = version
                state.epochs[name] = wallClock.now().secondsSinceEpoch
            }
        }
    }

    var statements: [String] { state.withLock { $0.statements } }

    func rows(_ statement: String) async throws(AdminError) -> [[String?]] {
        state.withLock { state in
            state.statements.append(statement)
            if statement.hasSuffix("TO RUNTIME") {
                let name =
                    CoreModule.allCases.first { statement == "LOAD \($0.rawValue) TO RUNTIME" }?.checksumName
                    ?? "proxysql_servers"
                state.versions[name, default: 0] += 1
                state.epochs[name] = wallClock.now().secondsSinceEpoch
            }
            if statement.contains("runtime_checksums_values") {
                let isAll = !statement.contains("WHERE")
                return state.versions.keys.filter { isAll || $0 == "proxysql_servers" }.map { name in
                    let numbers = [state.versions[name], state.epochs[name]].map { $0.map { "\($0)" } }
                    return isAll ? [name] + numbers + ["0x1"] : numbers
                }
            }
            // Whatever is in the file: another row at each look.
            if statement.hasPrefix("SELECT comment, *") { return [["", "\(state.statements.count)", ""]] }
            return statement.contains("COUNT(*)") ? [["1"]] : []
        }
    }
}

@Suite("Loads within one second", .timeLimit(.minutes(1)))
struct CoreEffectsTests {
    @Test("a configuration is not restored in the second of what it replaces: who pulled that would never pull this")
    func restore() async throws {
        let (clock, wallClock) = (ManualClock(), TestWallClock())
        let node = CountingNode(version: 2, wallClock)
        let effects = CoreEffects(node, time: (clock, wallClock), logger: quiet)
        async let restored = effects.restore()
        await clock.waitForSleeps { !$0.isEmpty }
        #expect(!node.statements.contains { $0.hasPrefix("DELETE") || $0.hasPrefix("LOAD") })
        wallClock.advance(by: .seconds(1))
        clock.advance(by: .seconds(1))
        let after = try await restored.after
        #expect(after.values.allSatisfy { $0.version == 3 && $0.epoch == wallClock.now().secondsSinceEpoch })
        #expect(after.count == CoreModule.allCases.count)
    }

    @Test("what was never loaded is not waited for: nobody pulls it")
    func fresh() async throws {
        let (clock, wallClock) = (ManualClock(), TestWallClock())
        let effects = CoreEffects(CountingNode(version: 1, wallClock), time: (clock, wallClock), logger: quiet)
        let after = try await effects.restore().after
        #expect(after.values.allSatisfy { $0.version == 2 })
    }

    @Test("the table of cores is loaded at once, and once more when somebody loaded another in the same second")
    func members() async throws {
        let (clock, wallClock) = (ManualClock(), TestWallClock())
        let node = CountingNode(version: 2, wallClock)
        let effects = CoreEffects(node, time: (clock, wallClock), logger: quiet)
        let same = try await effects.loadMembers()
        #expect(same)
        wallClock.advance(by: .seconds(1))
        let later = try await effects.loadMembers()
        #expect(!later)
        let again = try await effects.loadMembers()
        #expect(again)
        let fresh = CoreEffects(CountingNode(version: 1, wallClock), time: (clock, wallClock), logger: quiet)
        let first = try await fresh.loadMembers()
        #expect(!first)
        let times = LoadTimes(clock)
        times.loaded(isShared: true)
        #expect(!times.isDue)
        clock.advance(by: .milliseconds(1_100))
        #expect(times.isDue)
        times.loaded(isShared: false)
        #expect(times.due == nil)
    }
}
