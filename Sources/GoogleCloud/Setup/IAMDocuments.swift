/// `Policy` of any of Google's services (IAM documentation, "Understanding allow policies"), without what is only
/// changed by those who name it in an update mask.
struct IAMPolicy: Codable, Sendable {
    struct Condition: Codable, Hashable, Sendable {
        var title: String?
        var description: String?
        var expression: String?
        var location: String?
    }

    struct Binding: Codable, Hashable, Sendable {
        var role: String
        var members: [String]?
        var condition: Condition?
    }

    var version: Int?
    var bindings: [Binding]?
    var etag: String?

    /// Adds a member where it is missing; bindings with a condition are other people's.
    /// - Returns: whether it was missing.
    mutating func add(_ member: String, to role: String) -> Bool {
        var all = bindings ?? []
        defer { bindings = all }
        guard let index = all.firstIndex(where: { $0.role == role && $0.condition == nil }) else {
            all.append(Binding(role: role, members: [member]))
            return true
        }
        let members = all[index].members ?? []
        // Google writes the addresses of members as it likes them.
        guard !members.contains(where: { $0.lowercased() == member.lowercased() }) else { return false }
        all[index].members = members + [member]
        return true
    }
}

/// `SetIamPolicyRequest`.
struct SetPolicyRequest: Encodable, Sendable {
    var policy: IAMPolicy
}

/// `GetIamPolicyRequest`; version 3 is the one in which conditions are shown, so that they are not lost.
struct GetPolicyRequest: Encodable, Sendable {
    struct Options: Encodable, Sendable { var requestedPolicyVersion = 3 }
    var options = Options()
}

/// `CreateServiceAccountRequest`.
struct CreateAccountRequest: Encodable, Sendable {
    struct Account: Encodable, Sendable {
        var displayName: String
        var description: String
    }

    var accountId: String
    var serviceAccount: Account
}

/// `Role` of IAM.
struct RoleDocument: Codable, Sendable {
    var title: String?
    var description: String?
    var includedPermissions: [String]?
    var stage: String?
    var deleted: Bool?
}

/// `CreateRoleRequest`.
struct CreateRoleRequest: Encodable, Sendable {
    var roleId: String
    var role: RoleDocument
}

/// `Project` of Resource Manager: `projects/` and its number.
struct ProjectDocument: Decodable, Sendable {
    var name: String
}
