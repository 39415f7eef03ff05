import FleetModel
import Foundation
import Logging
import Pacing
import Persistence
import Synchronization

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// What everything in one simulated installation shares: time, chance, the log of what happened, and what must never
/// happen and did.
final class World: Sendable {
    /// What was counted, by name.
    enum Count: String, CaseIterable, Sendable {
        case events, alerts, created, deleted, loads, kills, leaders, restores, refusals, rests, checks
    }

    private struct State {
        var log: [String] = []
        var violations: [String] = []
        var counts: [Count: Int] = [:]
        var kinds: [String: Int] = [:]
        /// The groups as they were saved last, by whomever.
        var records: [InstanceName: GroupRecord] = [:]
        /// Groups that clients use and that the store has lost.
        var lost: Set<InstanceName> = []
    }

    /// Whether everything is printed at once, for a life that does not end.
    private static let isTold = ProcessInfo.processInfo.environment["DROVER_SOAK_TRACE"] != nil

    let seed: UInt64
    let executor = VirtualExecutor()
    let clock = VirtualClock()
    let wallClock: VirtualWallClock
    let chance: Chance
    private let state = Mutex(State())

    init(seed: UInt64) {
        self.seed = seed
        wallClock = VirtualWallClock(clock)
        chance = Chance(seed: seed)
    }

    /// Days and time since the beginning.
    var time: String {
        let seconds = Int(clock.now.offset.wholeMilliseconds / 1_000)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds / 86_400)d \(two(seconds / 3_600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    var days: Double { Double(clock.now.offset.wholeMilliseconds) / 86_400_000 }

    func sleep(_ duration: Duration) async { try? await clock.sleep(for: duration) }

    func note(_ sentence: String) {
        let line = "\(time) \(sentence)"
        if Self.isTold { print(line) }
        state.withLock { $0.log.append(line) }
    }

    func violate(_ sentence: String) {
        note("VIOLATION: \(sentence)")
        let line = "\(time) \(sentence)"
        state.withLock { $0.violations.append(line) }
    }

    func count(_ what: Count) { state.withLock { $0.counts[what, default: 0] += 1 } }
    func count(kind: String) { state.withLock { $0.kinds[kind, default: 0] += 1 } }

    var log: [String] { state.withLock { $0.log } }
    var violations: [String] { state.withLock { $0.violations } }
    var counts: [Count: Int] { state.withLock { $0.counts } }
    var kinds: [String: Int] { state.withLock { $0.kinds } }

    // MARK: What the record says

    var records: [InstanceName: GroupRecord] { state.withLock { $0.records } }
    /// In an order that every run has.
    var groups: [GroupRecord] { records.values.sorted { $0.name < $1.name } }

    func saved(_ record: GroupRecord) {
        let (before, changes) = state.withLock { state in
            let known = state.records[record.name]
            var changes: [String] = []
            for reader in record.configuration.servers {
                let (old, new) = (known?.unfit(reader.name), record.unfit(reader.name))
                guard old?.phase != new?.phase else { continue }
                changes.append("\(reader.name) is \(new.map { "\($0.phase.rawValue), \($0.sentence)" } ?? "fit again")")
            }
            for replica in record.replicas {
                let before = known?.replicas.first { $0.name == replica.name }
                guard before?.state != replica.state else { continue }
                changes.append("\(replica.name) is \(replica.state.rawValue)")
            }
            state.records[record.name] = record
            state.lost.remove(record.name)
            return (known, changes)
        }
        for change in changes { note(change) }
        expectReaders(before, record)
    }

    /// Whoever sidelines a reader leaves one against which nothing is known, and no more than the share are out.
    private func expectReaders(_ before: GroupRecord?, _ record: GroupRecord) {
        let readers = record.watchedReaders
        let out = readers.filter { record.isSidelined($0.name) }
        let went = out.map(\.name).filter { before?.isSidelined($0) == false }
        guard !went.isEmpty else { return }
        count(.checks)
        if !readers.contains(where: { $0.status == .online && record.unfit($0.name) == nil }) {
            violate("\(went) of \(record.name) went, and no reader is left that is fit")
        }
        if out.count > (record.policy.fitness ?? FitnessPolicy()).mostSidelined(of: readers.count) {
            violate("\(out.map(\.name)) of \(record.name) are out at once, of \(readers.count) readers")
        }
    }

    func removed(_ name: InstanceName) { state.withLock { $0.records[name] = nil } }

    /// Groups that a store which was put back does not know, and whose clients go on.
    var lost: Set<InstanceName> { state.withLock { $0.lost } }

    /// The groups that somebody uses.
    var used: Set<String> { state.withLock { Set($0.records.keys.map(\.text)).union($0.lost.map(\.text)) } }

    func reread(_ records: [GroupRecord]) {
        state.withLock { state in
            let known = Set(records.map(\.name))
            for record in state.records.values where record.removal == nil { state.lost.insert(record.name) }
            state.lost.subtract(known)
            state.records = Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }
}

/// One process: when it is over, nothing that it does reaches anything any more, whatever its tasks still try.
final class Life: Sendable {
    private struct State {
        var isOver = false
        var isLeaving = false
        /// So many calls later it dies.
        var callsLeft: Int?
    }

    private let state = Mutex(State())
    private let ending = Wakeup()

    func end() { state.withLock { $0.isOver = true } }

    /// It is told to end, and lives on until it has.
    func leave() {
        state.withLock { $0.isLeaving = true }
        ending.wake()
    }

    /// Waits until it has died or is to leave.
    func waitForEnd(_ clock: VirtualClock) async {
        while !Task.isCancelled, !state.withLock({ $0.isOver || $0.isLeaving }) {
            await ending.wait(upTo: .seconds(3_600), clock: clock)
        }
    }

    /// Dies at some later call, before or after its effect.
    func endSoon(after calls: Int) { state.withLock { $0.callsLeft = calls } }

    /// One call begins, or has had its effect.
    /// - Returns: false when the process did not live to see it.
    func goesOn() -> Bool {
        let isAlive = state.withLock { state in
            if let left = state.callsLeft {
                state.callsLeft = left - 1
                if left <= 0 { state.isOver = true }
            }
            return !state.isOver
        }
        if !isAlive { ending.wake() }
        return isAlive
    }
}

/// The SQLite file, which may be closed, put back and opened again.
final class Disk: Sendable {
    private let path: String
    private let open = Mutex<SQLiteStore?>(nil)
    private let copy: String

    init() {
        // Memory where there is some that looks like a disk: a simulation waits for no platter.
        let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = "\(root)/drover-life-\(UUID().uuidString)"
        copy = path + "-copy"
    }

    var store: SQLiteStore? { open.withLock { $0 } }

    func start() throws {
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        open.withLock { $0 = store }
    }

    func close() { open.withLock { $0 = nil } }

    /// Nothing is being written: everybody who could stands still.
    func keepCopy() throws {
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + "/drover.sqlite" + suffix) {
            try FileManager.default.copyItem(
                atPath: path + "/drover.sqlite" + suffix, toPath: copy + "/drover.sqlite" + suffix)
        }
    }

    var hasCopy: Bool { FileManager.default.fileExists(atPath: copy) }

    /// Puts the copy in the place of what is there; the store must be closed.
    func putBack() throws {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + "/drover.sqlite" + suffix)
            guard FileManager.default.fileExists(atPath: copy + "/drover.sqlite" + suffix) else { continue }
            try FileManager.default.copyItem(
                atPath: copy + "/drover.sqlite" + suffix, toPath: path + "/drover.sqlite" + suffix)
        }
    }

    func remove() {
        close()
        try? FileManager.default.removeItem(atPath: path)
        try? FileManager.default.removeItem(atPath: copy)
    }
}
