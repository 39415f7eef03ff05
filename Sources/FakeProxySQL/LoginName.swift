import Synchronization

/// The user of a session, known once the client has said it.
final class LoginName: Sendable {
    private let name = Mutex("")

    var value: String {
        get { name.withLock { $0 } }
        set { name.withLock { $0 = newValue } }
    }
}
