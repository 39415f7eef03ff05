import NIOCore
import NIOPosix

/// The thread on which admin interfaces are talked with, and on which the tasks run that do little else.
///
/// The pool that tasks run on by default wakes several threads for each step of a task. An agent that idles asks a few
/// statements and waits for a few answers, again and again: on one thread with the connection that is a fifth of the
/// work. Probes are answered on another one, so that a task which blocks here, be it on a log that nobody reads, does
/// not hold them up.
final class AdminLoop: TaskExecutor {
    /// Of this process; it ends with it.
    static let shared = AdminLoop()

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private init() {}

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        group.any().execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
