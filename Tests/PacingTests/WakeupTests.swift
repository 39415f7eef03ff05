import Pacing
import Testing

@Suite("A wake-up", .timeLimit(.minutes(1)))
struct WakeupTests {
    @Test("a signal given before anyone waits is not lost, and two are one")
    func before() async {
        let wakeup = Wakeup()
        wakeup.wake()
        wakeup.wake()
        await wakeup.wait(upTo: .seconds(600), clock: ContinuousClock())
        // The second wait has no signal left and ends by its time.
        await wakeup.wait(upTo: .milliseconds(1), clock: ContinuousClock())
    }

    @Test("a signal wakes who waits, and so does cancellation")
    func during() async {
        let wakeup = Wakeup()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await wakeup.wait(upTo: .seconds(600), clock: ContinuousClock()) }
            tasks.addTask { wakeup.wake() }
            await tasks.waitForAll()
            tasks.addTask { await wakeup.wait(upTo: .seconds(600), clock: ContinuousClock()) }
            tasks.cancelAll()
        }
    }
}
