import Synchronization

/// What a reader of a reflector has not seen yet.
package struct ChangeBatch<Resource: KubernetesResource>: Sendable {
    /// One change a name, in the order of names: what lies between the last batch and this one, summed up.
    package var changes: [ResourceChange<Resource>]
    /// Every object of the selection has been seen at least once: what is not there does not exist.
    package var isSynced: Bool
    /// What keeps the cache from being current; `nil` while it is.
    package var failure: KubernetesError?
}

/// The changes of one reflector for one reader. A slow reader gets fewer and larger batches: what waits is never more
/// than two states of each object.
package struct Changes<Resource: KubernetesResource>: AsyncSequence, Sendable {
    package typealias Element = ChangeBatch<Resource>
    package typealias Failure = Never

    let subscription: Subscription<Resource>

    /// Reads the changes; there is one reader.
    package struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: Subscription<Resource>

        /// The next batch; `nil` when the task is cancelled.
        package mutating func next() async -> ChangeBatch<Resource>? {
            await subscription.next()
        }

        /// The next batch; `nil` when the task is cancelled.
        package mutating func next(isolation actor: isolated (any Actor)?) async -> ChangeBatch<Resource>? {
            await subscription.next()
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(subscription: subscription)
    }
}

/// What waits for one reader.
final class Subscription<Resource: KubernetesResource>: Sendable {
    private struct State {
        var pending: [ObjectKey: (before: Resource?, after: Resource?)] = [:]
        var isSynced = false
        var failure: KubernetesError?
        var isNews = false
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func publish(_ changes: [ResourceChange<Resource>], isSynced: Bool, failure: KubernetesError?) {
        let reader = state.withLock { state in
            for change in changes {
                let before: Resource? =
                    switch change {
                    case .added: nil
                    case .updated(let before, _), .removed(let before): before
                    }
                let key = change.resource.key
                let first = state.pending[key].map { $0.before } ?? before
                state.pending[key] = (first, change.current)
            }
            let isNews = !changes.isEmpty || state.isSynced != isSynced || state.failure != failure
            state.isSynced = isSynced
            state.failure = failure
            guard isNews else { return CheckedContinuation<Void, Never>?.none }
            state.isNews = true
            let reader = state.reader
            state.reader = nil
            return reader
        }
        reader?.resume()
    }

    func next() async -> ChangeBatch<Resource>? {
        while !Task.isCancelled {
            let batch = state.withLock { state -> ChangeBatch<Resource>? in
                guard state.isNews else { return nil }
                state.isNews = false
                let pending = state.pending
                state.pending = [:]
                let changes = pending.sorted { $0.key < $1.key }
                    .compactMap { ResourceChange(from: $0.value.before, to: $0.value.after) }
                return ChangeBatch(changes: changes, isSynced: state.isSynced, failure: state.failure)
            }
            if let batch { return batch }
            await wait()
        }
        return nil
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let goesOn = state.withLock { state in
                    if state.isNews || Task.isCancelled { return true }
                    state.reader = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            let reader = state.withLock { state in
                let reader = state.reader
                state.reader = nil
                return reader
            }
            reader?.resume()
        }
    }
}
