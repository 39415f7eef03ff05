import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A credentials file as Google writes it, one case for each `type` (Google Cloud documentation, "How Application
/// Default Credentials works").
indirect enum CredentialDocument: Decodable, Sendable {
    case serviceAccount(ServiceAccount)
    case authorizedUser(AuthorizedUser)
    case externalAccount(ExternalAccount)
    case impersonated(Impersonated)

    /// `service_account`: a key that signs for itself.
    struct ServiceAccount: Decodable, Sendable {
        var client_email: String
        var private_key: Secret
        var private_key_id: String?
        var token_uri: String?
        var project_id: String?
        var quota_project_id: String?
    }

    /// `authorized_user`: what `gcloud auth application-default login` leaves.
    struct AuthorizedUser: Decodable, Sendable {
        var client_id: String
        var client_secret: Secret
        var refresh_token: Secret
        var token_uri: String?
        var quota_project_id: String?
    }

    /// `external_account`: workload identity federation.
    struct ExternalAccount: Decodable, Sendable {
        struct Source: Decodable, Sendable {
            struct Format: Decodable, Sendable {
                var type: String?
                var subject_token_field_name: String?
            }

            var file: String?
            var url: String?
            var headers: [String: String]?
            var format: Format?
        }

        struct Impersonation: Decodable, Sendable {
            var token_lifetime_seconds: Int64?
        }

        var audience: String
        var subject_token_type: String
        var token_url: String
        var credential_source: Source
        var service_account_impersonation_url: String?
        var service_account_impersonation: Impersonation?
        var client_id: String?
        var client_secret: Secret?
        var workforce_pool_user_project: String?
        var quota_project_id: String?
    }

    /// `impersonated_service_account`: somebody who may act as a service account.
    struct Impersonated: Decodable, Sendable {
        var service_account_impersonation_url: String
        var delegates: [String]?
        var source_credentials: CredentialDocument
        var quota_project_id: String?
    }

    private enum Key: String, CodingKey { case type }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decode(String.self, forKey: .type) {
        case "service_account": self = .serviceAccount(try ServiceAccount(from: decoder))
        case "authorized_user": self = .authorizedUser(try AuthorizedUser(from: decoder))
        case "external_account": self = .externalAccount(try ExternalAccount(from: decoder))
        case "impersonated_service_account": self = .impersonated(try Impersonated(from: decoder))
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "credentials of type \"\(other)\" are not supported")
        }
    }

    /// The project of whoever the credentials are, where the file says.
    var projectID: String? {
        if case .serviceAccount(let account) = self { account.project_id } else { nil }
    }

    /// The project that the file says calls count against.
    var quotaProject: String? {
        switch self {
        case .serviceAccount(let document): document.quota_project_id
        case .authorizedUser(let document): document.quota_project_id
        case .externalAccount(let document): document.quota_project_id
        case .impersonated(let document): document.quota_project_id
        }
    }

    /// Reads the file at `path`.
    static func read(_ path: String, because origin: String) throws(GoogleFailure) -> CredentialDocument {
        try parse(try bytes(path, because: origin), path, because: origin)
    }

    /// The path, unless people put the credentials themselves there.
    private static func shown(_ path: String) -> String {
        let isPath = path.hasPrefix("/") || path.hasPrefix("./") || path.hasPrefix("../") || path.hasSuffix(".json")
        return isPath && !path.contains("\"") ? "\(path) " : ""
    }

    /// The bytes of the file at `path`.
    static func bytes(_ path: String, because origin: String) throws(GoogleFailure) -> Data {
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch {
            throw GoogleFailure(
                .unauthenticated, call: "the credentials file \(shown(path))(from \(origin))",
                "it cannot be read; check the path and its permissions")
        }
    }

    /// Reads what the file at `path` holds.
    static func parse(
        _ data: Data, _ path: String, because origin: String
    ) throws(GoogleFailure) -> CredentialDocument {
        let what = "the credentials file \(shown(path))(from \(origin))"
        do {
            return try JSONDecoder().decode(CredentialDocument.self, from: data)
        } catch let DecodingError.keyNotFound(key, _) {
            throw GoogleFailure(.unauthenticated, call: what, "it has no \"\(key.stringValue)\"")
        } catch let DecodingError.typeMismatch(_, context) where !context.codingPath.isEmpty {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw GoogleFailure(.unauthenticated, call: what, "its \"\(path)\" is of the wrong type")
        } catch let DecodingError.valueNotFound(_, context) where !context.codingPath.isEmpty {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw GoogleFailure(.unauthenticated, call: what, "its \"\(path)\" is null")
        } catch let DecodingError.dataCorrupted(context) where !context.codingPath.isEmpty {
            throw GoogleFailure(.unauthenticated, call: what, context.debugDescription)
        } catch {
            // The decoder's own words could quote the file.
            throw GoogleFailure(.unauthenticated, call: what, "it is not a credentials file of Google's")
        }
    }
}
