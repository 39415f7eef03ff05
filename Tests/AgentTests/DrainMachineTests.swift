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
        #expect(played.steps == ["announce", "pause", "closeIdleClients", "countClients", "shutDown"])
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
}
