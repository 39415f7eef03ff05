import FleetModel
import Testing

@testable import Agent

@Suite("The drain, step by step")
struct DrainMachineTests {
    private let begin = Timestamp(millisecondsSinceEpoch: 1_000_000)

    /// Plays a drain on a node whose clients leave after `clientsStay`; gives the steps in words and the time it took.
    private func play(
        isCore: Bool = false, goal: DrainMachine.Goal = .shutDown, clientsStay: Duration,
        limits: DrainMachine.Limits = .init(
            propagation: .seconds(5), drain: .seconds(30), total: .seconds(60), poll: .seconds(1)),
        costs: (DrainMachine.Step) -> Duration = { _ in .milliseconds(10) }
    ) -> (steps: [String], took: Duration, machine: DrainMachine) {
        var machine = DrainMachine(limits: limits, isCore: isCore)
        var now = begin
        var steps: [String] = []
        machine.request(goal, at: now)
        for _ in 0..<1_000 {
            let step = machine.step(at: now)
            var clients: Int?
            switch step {
            case .rest: return (steps, now.since(begin), machine)
            case .wait(let duration): now = now.advanced(by: duration)
            case .countClients:
                now = now.advanced(by: costs(step))
                clients = now.since(begin) >= clientsStay ? 0 : 7
            default: now = now.advanced(by: costs(step))
            }
            let word = "\(step)".split(separator: "(").first.map(String.init) ?? ""
            if steps.last != word, word != "wait" { steps.append(word) }
            machine.ended(step, clients: clients, at: now)
        }
        return (steps, now.since(begin), machine)
    }

    @Test("A satellite is unready, paused, then lets idle clients go, then ends, in this order")
    func order() {
        let played = play(clientsStay: .seconds(8))
        #expect(played.steps.prefix(5) == ["announce", "pause", "closeIdleClients", "countClients", "endSessions"])
        #expect(Set(played.steps.dropFirst(5)) == ["countClients", "endSessions", "shutDown"])
        #expect(played.steps.last == "shutDown")
        #expect(played.machine.outcome == .empty)
        #expect(played.took < .seconds(10))
    }

    @Test("Without clients nothing is waited for but the propagation")
    func early() {
        let played = play(clientsStay: .zero)
        #expect(played.took >= .seconds(5) && played.took < .seconds(6))
    }

    @Test("A core keeps its variables, which its peers would pull")
    func core() {
        #expect(!play(isCore: true, clientsStay: .zero).steps.contains("closeIdleClients"))
    }

    @Test("Without clients nobody is ended")
    func nobodyToEnd() {
        #expect(!play(clientsStay: .zero).steps.contains("endSessions"))
    }

    @Test("Clients are ended gently at first, one by one only when time runs out")
    func late() {
        var lateness: [Duration: Bool] = [:]
        var machine = DrainMachine(
            limits: .init(propagation: .zero, drain: .seconds(30), total: .seconds(60)), isCore: false)
        machine.request(.hold, at: begin)
        for step in [machine.step(at: begin)] { machine.ended(step, at: begin) }
        for _ in 0..<3 { machine.ended(machine.step(at: begin), at: begin) }
        #expect(machine.state == .emptying)
        for seconds in [0, 27, 29] {
            let now = begin.advanced(by: .seconds(seconds))
            machine.ended(machine.step(at: now), clients: 3, at: now)
            if case .endSessions(_, let isLate) = machine.step(at: now) { lateness[.seconds(seconds)] = isLate }
            machine.ended(machine.step(at: now), at: now)
            machine.ended(machine.step(at: now), at: now)
        }
        #expect(lateness == [.seconds(0): false, .seconds(27): false, .seconds(29): true])
    }

    @Test("A node that is seen paused is resumed whoever paused it, a serving one is not")
    func pausedByOthers() {
        var machine = DrainMachine(
            limits: .init(propagation: .zero, drain: .seconds(1), total: .seconds(2)), isCore: false)
        let refused = machine.resume()
        #expect(!refused)
        let accepted = machine.resume(isPaused: true)
        #expect(accepted && machine.state == .resuming)
        machine.ended(machine.step(at: begin), .answered, at: begin)
        #expect(machine.state == .serving)
    }

    @Test("Clients that stay are cut after the drain timeout")
    func timeout() {
        let played = play(clientsStay: .seconds(3_600))
        #expect(played.machine.outcome == .timedOut)
        #expect(played.took >= .seconds(35) && played.took < .seconds(37))
        #expect(played.steps.last == "shutDown")
    }

    @Test("A node that never answers is given up within the whole limit", arguments: [1, 10, 58, 70])
    func bounded(seconds: Int) {
        let played = play(clientsStay: .seconds(3_600)) { step in
            switch step {
            case .pause(let limit), .closeIdleClients(let limit), .countClients(let limit), .shutDown(let limit):
                min(limit, .seconds(seconds))
            default: .zero
            }
        }
        #expect(played.took <= .seconds(61))
        #expect(played.machine.state == .done)
    }

    @Test("A second request joins the first; a shutdown after a hold goes on from there")
    func joins() {
        var (_, _, machine) = play(goal: .hold, clientsStay: .zero)
        #expect(machine.state == .held)
        let later = begin.advanced(by: .seconds(600))
        machine.request(.hold, at: later)
        #expect(machine.state == .held)
        machine.request(.shutDown, at: later)
        #expect(machine.state == .emptying)
        machine.ended(machine.step(at: later), clients: 0, at: later)
        #expect(machine.state == .shuttingDown)
    }

    @Test("A hold can be taken back, a shutdown cannot")
    func resume() {
        var (_, _, held) = play(goal: .hold, clientsStay: .zero)
        let resumes = held.resume()
        #expect(resumes)
        held.ended(held.step(at: begin), at: begin)
        #expect(held.state == .serving)
        var machine = DrainMachine(
            limits: .init(propagation: .zero, drain: .seconds(1), total: .seconds(2)), isCore: false)
        machine.request(.shutDown, at: begin)
        let refused = machine.resume()
        #expect(!refused)
    }

    /// Plays a drain on a node whose admin interface gives no answer before `wedgedFor`; each attempt takes a second.
    private func playWedged(
        _ goal: DrainMachine.Goal, wedgedFor: Duration, reply: DrainMachine.Reply = .silent
    ) -> (attempts: [String: Int], took: Duration, machine: DrainMachine) {
        var machine = DrainMachine(
            limits: .init(propagation: .seconds(5), drain: .seconds(30), total: .seconds(60)), isCore: false)
        var now = begin
        var attempts: [String: Int] = [:]
        machine.request(goal, at: now)
        for _ in 0..<1_000 {
            let step = machine.step(at: now)
            if step == .rest { break }
            if case .wait(let duration) = step {
                now = now.advanced(by: duration)
                machine.ended(step, at: now)
                continue
            }
            attempts["\(step)".split(separator: "(").first.map(String.init) ?? "", default: 0] += 1
            let isWedged = step != .announce && now.since(begin) < wedgedFor
            now = now.advanced(by: isWedged ? .seconds(1) : .milliseconds(10))
            machine.ended(step, isWedged ? reply : .answered, clients: isWedged ? nil : 0, at: now)
        }
        return (attempts, now.since(begin), machine)
    }

    @Test("A PAUSE without an answer is tried until the interface comes back, and everything after it follows")
    func pauseAgain() {
        let played = playWedged(.shutDown, wedgedFor: .seconds(20))
        #expect((5...10).contains(played.attempts["pause"] ?? 0))
        #expect(played.attempts["closeIdleClients"] == 1 && played.attempts["shutDown"] == 1)
        #expect(played.machine.outcome == .empty)
        #expect(played.took < .seconds(23))
    }

    @Test("A wedge in the middle of the drain has the wait timeout set again too")
    func timeoutAgain() {
        var machine = DrainMachine(
            limits: .init(propagation: .zero, drain: .seconds(30), total: .seconds(60)), isCore: false)
        machine.request(.hold, at: begin)
        machine.ended(.announce, at: begin)
        machine.ended(machine.step(at: begin), at: begin)
        machine.ended(machine.step(at: begin), .answered, at: begin)
        let first = machine.step(at: begin)
        #expect(first == .closeIdleClients(within: .seconds(30)))
        machine.ended(first, .silent, at: begin.advanced(by: .seconds(3)))
        #expect(machine.state == .expiring)
        #expect(machine.step(at: begin.advanced(by: .seconds(3))) == .wait(.seconds(1)))
        let later = begin.advanced(by: .seconds(4))
        machine.ended(.wait(.seconds(1)), at: later)
        #expect(machine.step(at: later) == .closeIdleClients(within: .seconds(26)))
        machine.ended(machine.step(at: later), .answered, at: later)
        #expect(machine.state == .emptying)
    }

    @Test("PAUSE is tried to the end of the drain and SHUTDOWN to the end of the whole, and no longer")
    func abandoned() {
        let played = playWedged(.shutDown, wedgedFor: .seconds(3_600))
        #expect((played.attempts["pause"] ?? 0) >= 10 && (played.attempts["shutDown"] ?? 0) >= 10)
        #expect(played.attempts["countClients"] == nil)
        #expect(played.machine.state == .done && played.machine.outcome == .abandoned)
        #expect(played.took >= .seconds(59) && played.took <= .seconds(61))
    }

    @Test("SHUTDOWN is sent as soon as the interface is back")
    func shutDownAgain() {
        let played = playWedged(.shutDown, wedgedFor: .seconds(45))
        #expect(played.machine.state == .done)
        #expect(played.took >= .seconds(45) && played.took < .seconds(48))
    }

    @Test("A process that is gone needs no further attempt")
    func gone() {
        let played = playWedged(.shutDown, wedgedFor: .seconds(3_600), reply: .gone)
        #expect(played.attempts == ["announce": 1, "pause": 1, "shutDown": 1])
        #expect(played.machine.outcome == .empty)
    }

    @Test("A hold that never paused begins with PAUSE again when it becomes a shutdown")
    func holdGivenUp() {
        var (_, _, machine) = playWedged(.hold, wedgedFor: .seconds(3_600))
        #expect(machine.state == .held && machine.outcome == .abandoned)
        machine.request(.shutDown, at: begin.advanced(by: .seconds(600)))
        #expect(machine.state == .pausing)
    }

    @Test("Clients are taken again only when the node has said so")
    func resumeAgain() {
        var (_, _, machine) = play(goal: .hold, clientsStay: .zero)
        let isResumed = machine.resume()
        #expect(isResumed)
        machine.ended(machine.step(at: begin), .silent, at: begin)
        #expect(machine.state == .resuming)
        let later = begin.advanced(by: .seconds(1))
        machine.ended(machine.step(at: begin), at: later)
        machine.ended(machine.step(at: later), .answered, at: later)
        #expect(machine.state == .serving)
    }

    @Test("Joining a drain does not shorten the wait for the endpoints")
    func propagation() {
        var machine = DrainMachine(
            limits: .init(propagation: .seconds(5), drain: .seconds(30), total: .seconds(60)), isCore: false)
        machine.request(.shutDown, at: begin)
        machine.ended(.announce, at: begin)
        let soon = begin.advanced(by: .seconds(1))
        machine.request(.shutDown, at: soon)
        machine.ended(.wait(.seconds(5)), at: soon)
        #expect(machine.step(at: soon) == .wait(.seconds(4)))
    }
}
