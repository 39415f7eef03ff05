import Testing

@testable import Sandbox

@Suite("Pods of a StatefulSet")
struct StatefulControllerTests {
    /// Plays until nothing is left to do; a pod that was made is up to date and ready one step later.
    private func play(_ pods: [Int: StatefulController.Present], replicas: Int) -> [StatefulController.Step] {
        var pods = pods
        var steps: [StatefulController.Step] = []
        for _ in 0..<50 {
            let step = StatefulController.step(pods, replicas: replicas)
            switch step {
            case .rest:
                guard pods.values.contains(where: { !$0.isReady || $0.isTerminating }) else { return steps }
                pods = pods.filter { !$0.value.isTerminating }.mapValues {
                    .init(isReady: true, isTerminating: false, isUpToDate: $0.isUpToDate)
                }
                continue
            case .make(let ordinal): pods[ordinal] = .init(isReady: false, isTerminating: false, isUpToDate: true)
            case .delete(let ordinal): pods[ordinal]?.isTerminating = true
            }
            steps.append(step)
        }
        return steps
    }

    private func present(_ count: Int, isUpToDate: Bool = true) -> [Int: StatefulController.Present] {
        Dictionary(
            uniqueKeysWithValues: (0..<count).map {
                ($0, .init(isReady: true, isTerminating: false, isUpToDate: isUpToDate))
            })
    }

    @Test("They are made one after the other, each when the one before is ready")
    func ordered() {
        #expect(play([:], replicas: 3) == [.make(0), .make(1), .make(2)])
        #expect(
            StatefulController.step([0: .init(isReady: false, isTerminating: false, isUpToDate: true)], replicas: 2)
                == .rest)
    }

    @Test("A deleted pod comes back under its name, once it is gone")
    func recreated() {
        var pods = present(3)
        pods[1]?.isTerminating = true
        #expect(StatefulController.step(pods, replicas: 3) == .rest)
        pods[1] = nil
        #expect(play(pods, replicas: 3) == [.make(1)])
    }

    @Test("A new template replaces them from the last to the first")
    func rolling() {
        #expect(
            play(present(3, isUpToDate: false), replicas: 3) == [
                .delete(2), .make(2), .delete(1), .make(1), .delete(0), .make(0),
            ])
    }

    @Test("Fewer replicas take the last ones")
    func fewer() {
        #expect(play(present(4), replicas: 2) == [.delete(3), .delete(2)])
    }
}
