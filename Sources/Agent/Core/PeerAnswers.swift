import Synchronization

/// What peers answered last, and whose turn it is to be asked.
final class PeerAnswers: Sendable {
    private let state = Mutex((answers: [String: PeerAnswer](), next: 0))

    var all: [String: PeerAnswer] { state.withLock { $0.answers } }

    func put(_ answer: PeerAnswer, of name: String) {
        state.withLock { $0.answers[name] = answer }
    }

    /// The next few of `members`, all in turn; what others said is forgotten.
    func next(_ members: [CoreMember], limit: Int) -> [CoreMember] {
        state.withLock { state in
            let names = Set(members.map(\.name))
            state.answers = state.answers.filter { names.contains($0.key) }
            guard members.count > limit else { return members }
            let start = state.next % members.count
            state.next = start + limit
            return (0..<limit).map { members[(start + $0) % members.count] }
        }
    }
}
