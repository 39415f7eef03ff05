import FleetModel
import Logging
import MySQLWire
import Pacing
import Synchronization

/// The modules of one node that were loaded and not saved since, for whoever brings groups there one after another.
///
/// What was left unsaved by a process before is found by comparing the disk once.
package final class UnsavedModules: Sendable {
    private struct State {
        var modules: Set<AdminModule> = []
        var compared: Set<InstanceName> = []
        var tries = 0
        var pause: (watch: Stopwatch, after: Duration)?
    }

    private let state = Mutex(State())
    private let clock: any Clock<Duration>

    /// Nothing is known of the node yet.
    package init(clock: any Clock<Duration>) { self.clock = clock }

    func note(_ module: AdminModule) { state.withLock { _ = $0.modules.insert(module) } }

    /// Whether the disk was not compared for `group` yet.
    func isNew(_ group: InstanceName) -> Bool { state.withLock { !$0.compared.contains(group) } }

    func compared(_ group: InstanceName) { state.withLock { _ = $0.compared.insert(group) } }

    /// What is to be saved now: nothing for a while after a failure, each time longer.
    var due: [AdminModule] {
        state.withLock { state in
            if let pause = state.pause, pause.watch.elapsed < pause.after { return [] }
            return AdminModule.allCases.filter(state.modules.contains)
        }
    }

    func saved(_ module: AdminModule) {
        state.withLock { state in
            state.modules.remove(module)
            state.tries = 0
            state.pause = nil
        }
    }

    func failed() {
        let watch = Stopwatch(clock)
        state.withLock { state in
            state.pause = (watch, min(.seconds(1) * (1 << min(state.tries, 10)), .seconds(300)))
            state.tries += 1
        }
    }
}

extension NodeApply {
    /// Saves what is not saved, after everything was loaded. A node that runs what is wanted and cannot save it is none
    /// the worse for its clients: it is tried again.
    func save(_ unsaved: UnsavedModules) async {
        for module in unsaved.due {
            do throws(AdminError) {
                _ = try await connection.query("SAVE \(module.rawValue) TO DISK")
                unsaved.saved(module)
            } catch {
                unsaved.failed()
                logger.warning(
                    "what runs could not be saved and is saved again",
                    metadata: ["node.id": "\(node)", "module": "\(module.rawValue)", "error": "\(error)"])
                return
            }
        }
    }

    /// Notes the module when the disk holds other rows of `group` than memory does.
    func compareDisk<Row: ManagedRow>(
        _ difference: Difference<Row>, of group: InstanceName, _ unsaved: UnsavedModules
    ) async throws(AdminError) {
        let saved: [Row]
        do throws(AdminError) {
            saved = try await rows("disk.\(Row.table)")
        } catch {
            guard Self.isMissing(Row.self, error) else { throw error }
            return
        }
        let ours = Set(saved.filter { $0.mark?.group == group.text }.map(\.comparable))
        if ours != difference.result { unsaved.note(Row.module) }
    }
}
