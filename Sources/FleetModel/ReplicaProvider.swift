/// What creates and deletes replicas: Cloud SQL, or anything else that can.
package protocol ReplicaProvider: Sendable {
    /// Asks for a replica of `request.primary` and returns the operation's id.
    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String
    /// Asks for the deletion of the replica and returns the operation's id. The implementation checks ownership
    /// again: labels, group and primary must agree with `request`, and deletion protection must be off.
    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String
    /// The instance, or nil when the provider says that there is none.
    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance?
    /// The instances that carry the labels of ours, of all groups.
    func managedReplicas() async throws(ProviderError) -> ProviderListing
    /// Whether the instance's labels say that it is ours, for `group`; those that Chester's daemon gave count too.
    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool
    /// Whether the instance bears the labels that `createReplica` gives it for `group`.
    func bearsLabels(_ instance: ProviderInstance, of group: InstanceName) -> Bool
    /// The operation's present status.
    func operation(id: String) async throws(ProviderError) -> ProviderOperation
    /// The operations on the instance that the provider remembers, newest first.
    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation]
}

extension ReplicaProvider {
    /// For providers that know one kind of labels.
    package func bearsLabels(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        isOurs(instance, of: group)
    }
}

/// Which replica, of whom, for whom.
package struct ReplicaRequest: Hashable, Sendable {
    /// The replica's name.
    package var name: InstanceName
    /// The instance it replicates from.
    package var primary: InstanceName
    /// The group it belongs to.
    package var group: InstanceName
    /// Whether the instance had the group's labels once: then one without them is not deleted, whoever else's it looks.
    package var mustBearLabels: Bool

    /// Makes a request.
    package init(name: InstanceName, primary: InstanceName, group: InstanceName, mustBearLabels: Bool = false) {
        self.name = name
        self.primary = primary
        self.group = group
        self.mustBearLabels = mustBearLabels
    }
}

/// An instance as the provider shows it.
package struct ProviderInstance: Hashable, Sendable {
    /// Whether it can serve.
    package enum State: Hashable, Sendable {
        /// Up.
        case runnable
        /// Being created.
        case creating
        /// Being deleted.
        case deleting
        /// It will never serve.
        case failed
        /// In maintenance or another state that passes.
        case other(String)
    }

    /// Its name.
    package var name: InstanceName
    /// Whether it can serve.
    package var state: State
    /// Its private address, once it has one.
    package var privateAddress: String?
    /// The instance it replicates from.
    package var primary: String?
    /// Its labels.
    package var labels: [String: String]

    /// Makes an instance.
    package init(
        name: InstanceName, state: State, privateAddress: String?, primary: String?, labels: [String: String]
    ) {
        self.name = name
        self.state = state
        self.privateAddress = privateAddress
        self.primary = primary
        self.labels = labels
    }
}

/// The instances that the provider showed.
package struct ProviderListing: Hashable, Sendable {
    /// In no order.
    package var instances: [ProviderInstance]
    /// False when the provider said that some could not be looked at. Even a complete list proves no absence: a
    /// single instance is asked for before anything is concluded from it.
    package var isComplete: Bool

    /// Makes a listing.
    package init(instances: [ProviderInstance], isComplete: Bool) {
        self.instances = instances
        self.isComplete = isComplete
    }
}

/// A long-running operation of the provider.
package struct ProviderOperation: Hashable, Sendable {
    /// What it does.
    package enum Kind: Hashable, Sendable {
        /// Creates a replica.
        case create
        /// Deletes an instance.
        case delete
        /// Something else.
        case other(String)
    }

    /// Its id.
    package var id: String
    /// What it does.
    package var kind: Kind
    /// The instance it works on.
    package var target: String
    /// Whether it has ended.
    package var isDone: Bool
    /// Why it failed, when it ended so.
    package var failure: String?

    /// Makes an operation.
    package init(id: String, kind: Kind, target: String, isDone: Bool, failure: String?) {
        self.id = id
        self.kind = kind
        self.target = target
        self.isDone = isDone
        self.failure = failure
    }
}

/// Why the provider did not do what it was asked.
package struct ProviderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller can do about it.
    package enum Code: String, Hashable, Sendable {
        /// Another operation of the same primary is under way: wait for its turn.
        case operationInProgress
        /// An instance of that name exists or existed: never repeat.
        case alreadyExists
        /// There is no such instance or operation.
        case notFound
        /// Too many calls: wait.
        case rateLimited
        /// No more instances are allowed: a person must act.
        case quotaExceeded
        /// The credentials do not allow it: a person must act.
        case permissionDenied
        /// The request is wrong: a person must act.
        case invalid
        /// The instance is not ours, or protected: never repeat.
        case notOurs
        /// The provider did not answer, or failed: whether the effect took place is unknown.
        case unavailable
    }

    /// What a caller can do about it.
    package var code: Code
    /// What was attempted on what, and what came back.
    package var message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same call may succeed later without anybody acting.
    package var isRetryable: Bool {
        switch code {
        case .operationInProgress, .rateLimited, .unavailable: true
        case .alreadyExists, .notFound, .quotaExceeded, .permissionDenied, .invalid, .notOurs: false
        }
    }

    package var description: String { "\(message) (\(code.rawValue))" }
}
