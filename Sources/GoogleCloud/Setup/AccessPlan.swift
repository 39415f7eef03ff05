/// Who may do what: service accounts, a role of our own, and what is bound to what, no more than is needed.
package struct AccessPlan: Sendable {
    /// The service accounts of the roles.
    package struct Identities: Sendable {
        /// `drover scaler`.
        package var scaler: Account
        /// `drover ingest`.
        package var ingest: Account
        /// `drover api`.
        package var api: Account

        /// Accounts of `project` that are created, except where an e-mail address names one that is there.
        package init(project: String, scaler: String?, ingest: String?, api: String?) {
            func account(_ role: String, _ email: String?) -> Account {
                let id = "drover-\(role)"
                return Account(
                    role: role, email: (email ?? "\(id)@\(project).iam.gserviceaccount.com").lowercased(),
                    id: email == nil ? id : nil)
            }
            self.scaler = account("scaler", scaler)
            self.ingest = account("ingest", ingest)
            self.api = account("api", api)
        }
    }

    /// A service account.
    package struct Account: Hashable, Sendable {
        /// Which of Drover's roles runs as it.
        package var role: String
        /// Its address.
        package var email: String
        /// Its id, where it is to be created.
        package var id: String?

        var member: String { "serviceAccount:\(email)" }
    }

    /// Members that must have roles on one resource.
    package struct Change: Sendable {
        struct Binding: Hashable, Sendable {
            var role: String
            var member: String
        }

        /// What it is, for people.
        package var title: String
        /// Which service keeps its policy.
        package var service: SetupPlan.Service
        /// The resource's path.
        var path: String
        var bindings: [Binding]
        /// The beginning of a gcloud command that adds a binding.
        var command: String

        /// The calls as they would be made.
        package var shown: String {
            let url = "https://\(service.rawValue)\(path)"
            let lines = bindings.map { "  adds \($0.role) for \($0.member)" }
            return (["POST \(url):setIamPolicy, of what \(url):getIamPolicy answers"] + lines).joined(separator: "\n")
        }

        /// The same as commands.
        package var commands: [String] {
            bindings.map { "\(command) --member=\($0.member) --role=\($0.role)" }
        }
    }

    /// What stands in addresses for the project's number until it was asked for.
    static let numberPlaceholder = "PROJECT_NUMBER"
    static let roleID = "droverScaler"
    /// Cloud SQL documentation, "Permissions for API methods": operations need `cloudsql.instances.get` too.
    static let permissions = [
        "cloudsql.instances.create", "cloudsql.instances.delete", "cloudsql.instances.get", "cloudsql.instances.list",
        "cloudsql.instances.listServerCas", "cloudsql.sslCerts.create", "cloudsql.sslCerts.delete",
        "cloudsql.sslCerts.list",
        "monitoring.timeSeries.list",
    ]

    /// The accounts that are created.
    package var accounts: [Account]
    /// Which project they and the role are in.
    package var project: String
    /// What is bound.
    package var changes: [Change]

    init(_ identities: Identities, _ wish: SetupPlan.Wish, deadLetters: String) {
        project = wish.project
        accounts = [identities.scaler, identities.ingest, identities.api].filter { $0.id != nil }
        let members = (
            scaler: identities.scaler.member, ingest: identities.ingest.member, api: identities.api.member,
            pubSub: "serviceAccount:service-\(Self.numberPlaceholder)@gcp-sa-pubsub.iam.gserviceaccount.com",
            monitoring: "serviceAccount:service-\(Self.numberPlaceholder)"
                + "@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
        )
        func bindings(_ role: String, _ of: [String]) -> [Change.Binding] {
            of.map { Change.Binding(role: role, member: $0) }
        }
        let publishers = [members.ingest, members.api] + (wish.alerts == nil ? [] : [members.monitoring])
        changes = [
            Self.change(
                .project, wish.project, wish,
                bindings("projects/\(wish.project)/roles/\(Self.roleID)", [members.scaler])
                    + bindings("roles/datastore.user", [members.scaler, members.ingest, members.api])),
            Self.change(.topic, wish.topic, wish, bindings("roles/pubsub.publisher", publishers)),
            Self.change(.topic, deadLetters, wish, bindings("roles/pubsub.publisher", [members.pubSub])),
            Self.change(
                .subscription, wish.subscription, wish,
                bindings("roles/pubsub.subscriber", [members.scaler, members.pubSub])),
        ]
        if let secret = wish.secret {
            changes.append(
                Self.change(
                    .secret, secret, wish, bindings("roles/secretmanager.secretAccessor", [members.ingest])))
        }
        if let key = wish.key {
            let users = [members.scaler, members.api]
            changes.append(
                Self.change(
                    .key(key), key.key, wish,
                    bindings("roles/cloudkms.cryptoKeyDecrypter", users)
                        + bindings("roles/cloudkms.publicKeyViewer", users)))
        }
    }

    private enum Resource {
        case project, topic, subscription, secret
        case key(KMSKeyVersion)
    }

    private static func change(
        _ resource: Resource, _ name: String, _ wish: SetupPlan.Wish, _ bindings: [Change.Binding]
    ) -> Change {
        let project = "projects/\(wish.project)"
        let add = "add-iam-policy-binding"
        switch resource {
        case .project:
            return Change(
                title: "roles on project \(name)", service: .resourceManager, path: "/v3/\(project)",
                bindings: bindings, command: "gcloud projects \(add) \(name) --condition=None")
        case .topic:
            return Change(
                title: "roles on topic \(name)", service: .pubSub, path: "/v1/\(project)/topics/\(name)",
                bindings: bindings, command: "gcloud pubsub topics \(add) \(name) --project=\(wish.project)")
        case .subscription:
            return Change(
                title: "roles on subscription \(name)", service: .pubSub,
                path: "/v1/\(project)/subscriptions/\(name)", bindings: bindings,
                command: "gcloud pubsub subscriptions \(add) \(name) --project=\(wish.project)")
        case .secret:
            // As the webhook takes it: an id, or a resource's name, perhaps with its version.
            let parts = name.split(separator: "/").map { String($0) }
            let full = parts.count >= 4 ? parts.prefix(4).joined(separator: "/") : "\(project)/secrets/\(name)"
            return Change(
                title: "roles on secret \(name)", service: .secretManager, path: "/v1/\(full)", bindings: bindings,
                command: "gcloud secrets \(add) \(full)")
        case .key(let key):
            let ring = "projects/\(key.project)/locations/\(key.location)/keyRings/\(key.keyRing)"
            return Change(
                title: "roles on key \(name)", service: .kms, path: "/v1/\(ring)/cryptoKeys/\(key.key)",
                bindings: bindings,
                command: "gcloud kms keys \(add) \(key.key) --project=\(key.project) --location=\(key.location) "
                    + "--keyring=\(key.keyRing)")
        }
    }

    // MARK: Shown

    /// The calls that create accounts and role, with their JSON.
    package var shown: [(title: String, call: String)] {
        let service = "https://\(SetupPlan.Service.iam.rawValue)"
        return accounts.map {
            (
                "service account \($0.email)",
                "POST \(service)\(accountsPath)\n\(SetupPlan.text(AnyDocument(creation(of: $0))))"
            )
        } + [
            (
                "role \(Self.roleID), all that the scaler may do to Cloud SQL",
                "POST \(service)\(rolesPath)\n\(SetupPlan.text(AnyDocument(roleCreation)))"
            )
        ]
    }

    /// The same as commands, with those that bind.
    package var commands: [String] {
        accounts.map { "gcloud iam service-accounts create \($0.id ?? "") --project=\(project)" } + [
            "gcloud iam roles create \(Self.roleID) --project=\(project) --title='\(Self.roleTitle)' --permissions="
                + Self.permissions.joined(separator: ",")
        ] + changes.flatMap(\.commands)
    }

    private static let roleTitle = "Drover scaler"

    var accountsPath: String { "/v1/projects/\(project)/serviceAccounts" }
    var rolesPath: String { "/v1/projects/\(project)/roles" }

    func creation(of account: Account) -> CreateAccountRequest {
        CreateAccountRequest(
            accountId: account.id ?? "",
            serviceAccount: .init(
                displayName: "drover \(account.role)", description: "What drover \(account.role) runs as."))
    }

    var roleCreation: CreateRoleRequest {
        CreateRoleRequest(
            roleId: Self.roleID,
            role: RoleDocument(
                title: Self.roleTitle, description: "Creates and deletes read replicas and reads their metrics.",
                includedPermissions: Self.permissions, stage: "GA"))
    }
}
