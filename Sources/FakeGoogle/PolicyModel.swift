package import JSONValues
import Synchronization

/// The allow policies of all resources, and the service accounts that there are, shared by the stand-ins of several
/// services (IAM documentation, "Understanding allow policies").
package final class PolicyModel: Sendable {
    private struct State {
        var policies: [String: JSONValue] = [:]
        var accounts: [String: Int] = [:]
        var roles: [String: JSONValue] = [:]
        var count = 0
        var rejections = 0
        var delay = 0
        /// What somebody else does between the next reading of a policy and its writing.
        var rival: (@Sendable (inout JSONValue) -> Void)?
    }

    private let state = Mutex(State())

    /// Makes a model without accounts, roles and bindings.
    package init() {}

    /// The policy of `resource`.
    package func policy(of resource: String) -> JSONValue { state.withLock { Self.policy(resource, $0) } }

    /// Gives `resource` a policy.
    package func setPolicy(_ policy: JSONValue, of resource: String) {
        state.withLock { Self.store(policy, resource, &$0) }
    }

    /// A role of the project's own, by its name.
    package func role(_ name: String) -> JSONValue { state.withLock { $0.roles[name] ?? .null } }

    /// How many changes were turned away.
    package var rejections: Int { state.withLock { $0.rejections } }

    /// A new account is unknown to that many changes of policies.
    package func setPropagation(_ changes: Int) { state.withLock { $0.delay = changes } }

    /// After the next reading of a policy, somebody else changes it once.
    package func interfere(_ change: @escaping @Sendable (inout JSONValue) -> Void) {
        state.withLock { $0.rival = change }
    }

    private static func policy(_ resource: String, _ state: State) -> JSONValue {
        state.policies[resource] ?? ["etag": "ACAB", "version": 1]
    }

    private static func store(_ policy: JSONValue, _ resource: String, _ state: inout State) {
        var policy = policy
        state.count += 1
        policy[at: "etag"] = .string("etag-\(state.count)")
        state.policies[resource] = policy
    }

    // MARK: Policies

    func get(_ resource: String) -> JSONValue {
        state.withLock { state in
            let read = Self.policy(resource, state)
            if let rival = state.rival {
                state.rival = nil
                var changed = read
                rival(&changed)
                Self.store(changed, resource, &state)
            }
            return read
        }
    }

    func set(_ resource: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        try state.withLock { state throws(GoogleError) in
            let policy = body[at: "policy"]
            if let etag = policy[at: "etag"].string, etag != Self.policy(resource, state)[at: "etag"].string {
                state.rejections += 1
                throw .canonical(
                    409, "ABORTED",
                    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
                )
            }
            for binding in policy[at: "bindings"].elements {
                for member in binding[at: "members"].elements.compactMap(\.string) {
                    try Self.checkMember(member, &state)
                }
            }
            Self.store(policy, resource, &state)
            return Self.policy(resource, state)
        }
    }

    private static func checkMember(_ member: String, _ state: inout State) throws(GoogleError) {
        let parts = member.split(separator: ":", maxSplits: 1).map { String($0) }
        guard parts.count == 2, parts[1].contains("@") else {
            throw .canonical(400, "INVALID_ARGUMENT", "Invalid member \(member).")
        }
        // Accounts of other projects, such as Google's own, are not ours to know.
        guard parts[0] == "serviceAccount", parts[1].hasPrefix("drover-") else { return }
        guard let unknown = state.accounts[parts[1]], unknown == 0 else {
            state.accounts[parts[1]]? -= 1
            state.rejections += 1
            throw .canonical(400, "INVALID_ARGUMENT", "Service account \(parts[1]) does not exist.")
        }
    }

    // MARK: Accounts and roles

    func createAccount(_ project: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        try state.withLock { state throws(GoogleError) in
            let id = body[at: "accountId"].string ?? ""
            // IAM API reference, `projects.serviceAccounts.create`: 6-30 characters.
            guard (6...30).contains(id.count) else {
                throw .canonical(400, "INVALID_ARGUMENT", "Invalid account id \(id).")
            }
            let email = "\(id)@\(project).iam.gserviceaccount.com"
            guard state.accounts[email] == nil else {
                throw .canonical(
                    409, "ALREADY_EXISTS", "Service account \(id) already exists within project projects/\(project).")
            }
            state.accounts[email] = state.delay
            return ["name": .string("projects/\(project)/serviceAccounts/\(email)"), "email": .string(email)]
        }
    }

    func createRole(_ project: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        try state.withLock { state throws(GoogleError) in
            let name = "projects/\(project)/roles/\(body[at: "roleId"].string ?? "")"
            if state.roles[name]?[at: "deleted"] == true {
                throw .canonical(
                    400, "FAILED_PRECONDITION", "You can't create a role_id which has been marked for deletion.")
            }
            guard state.roles[name] == nil else {
                throw .canonical(409, "ALREADY_EXISTS", "A role named \(name) already exists.")
            }
            var role = body[at: "role"]
            role[at: "name"] = .string(name)
            state.roles[name] = role
            return role
        }
    }

    func onRole(_ name: String, _ change: JSONValue?) throws(GoogleError) -> JSONValue {
        try state.withLock { state throws(GoogleError) in
            guard let role = state.roles[name] else {
                throw .canonical(404, "NOT_FOUND", "The role named \(name) was not found.")
            }
            guard let change else { return role }
            state.roles[name] = .object(role.members.merging(change.members) { $1 })
            return state.roles[name] ?? .null
        }
    }
}
