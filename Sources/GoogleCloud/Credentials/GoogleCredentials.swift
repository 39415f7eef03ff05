import FleetModel
package import Logging
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Finds the credentials of the process in Google's order, and makes what gives out their tokens.
package struct GoogleCredentials: Sendable {
    /// The scope that all of our calls need; what is allowed is decided by IAM roles.
    static let scope = "https://www.googleapis.com/auth/cloud-platform"

    /// Which of Chester's variables names a file for one service only.
    package enum Service: String, Hashable, Sendable, CaseIterable {
        /// Pub/Sub.
        case pubSub = "PUBSUB_CREDS"
        /// Datastore.
        case datastore = "DATASTORE_CREDS"
        /// The Cloud SQL Admin API.
        case cloudSQL = "SQLADMIN_CREDS"
        /// Key Management Service.
        case kms = "KMS_CREDS"
        /// Everything else: only application default credentials.
        case other = ""
    }

    /// Where the credentials are.
    enum Place: Hashable, Sendable {
        case file(path: String, origin: String)
        case metadataServer(host: String)
    }

    private let environment: [String: String]
    private let wallClock: any WallClock
    private let logger: Logger
    private let timeout: Duration

    /// Looks in `environment`; asking for a token may take `timeout`, which is less than what the calls that wait for it
    /// usually have, so that they can say why they failed.
    package init(
        environment: [String: String], wallClock: any WallClock, logger: Logger, timeout: Duration = .seconds(15)
    ) {
        self.environment = environment
        self.wallClock = wallClock
        self.logger = logger
        self.timeout = timeout
    }

    /// What gives out tokens for `service`: the file that its own variable names, else application default
    /// credentials.
    /// - Throws: `GoogleFailure` when a file is named and cannot be used.
    package func provider(for service: Service) throws(GoogleFailure) -> any AccessTokenProvider {
        var source: any TokenSource
        let quotaProject = environment["GOOGLE_CLOUD_QUOTA_PROJECT"].flatMap { $0.isEmpty ? nil : $0 }
        switch place(for: service) {
        case .file(let path, let origin):
            source = try CredentialFileTokens(path: path, origin: origin, exchange: exchange)
        case .metadataServer(let host):
            source = MetadataServerTokens(exchange: exchange, host: host)
        }
        // The variable wins over what a file says.
        if let project = quotaProject { source = WithQuotaProject(source: source, project: project) }
        return TokenCache(source: source, wallClock: wallClock, logger: logger)
    }

    /// Google's order: `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's file, the metadata server, which is also where GKE's
    /// workload identity answers (Google Cloud documentation, "How Application Default Credentials works").
    func place(for service: Service) -> Place {
        for name in [service.rawValue, "GOOGLE_APPLICATION_CREDENTIALS"] {
            if let path = environment[name], !path.isEmpty { return .file(path: path, origin: name) }
        }
        let folder =
            environment["CLOUDSDK_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
            ?? environment["HOME"].map { "\($0)/.config/gcloud" }
        if let folder {
            let path = "\(folder)/application_default_credentials.json"
            if FileManager.default.fileExists(atPath: path) {
                return .file(path: path, origin: "gcloud auth application-default login")
            }
        }
        return .metadataServer(host: metadataHost)
    }

    private var metadataHost: String {
        environment["GCE_METADATA_HOST"].flatMap { $0.isEmpty ? nil : $0 } ?? "metadata.google.internal"
    }

    /// The project to work in where none is set: the variables that Google's clients read, the file's, the metadata
    /// server's.
    package func projectID() async throws(GoogleFailure) -> String {
        for name in ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"] {
            if let project = environment[name], !project.isEmpty { return project }
        }
        switch place(for: .other) {
        case .file(let path, let origin):
            if let project = try CredentialDocument.read(path, because: origin).projectID { return project }
            throw GoogleFailure(.invalid, call: "the project", "\(path) names none; set GOOGLE_CLOUD_PROJECT")
        case .metadataServer(let host):
            return try await MetadataServerTokens(exchange: exchange, host: host).projectID()
        }
    }

    private var exchange: TokenExchange {
        TokenExchange(wallClock: wallClock, timeout: timeout, logger: logger)
    }
}

/// Says on each token which project the calls count against.
private struct WithQuotaProject: TokenSource {
    var source: any TokenSource
    var project: String

    func newToken() async throws(GoogleFailure) -> AccessToken {
        var token = try await source.newToken()
        token.quotaProject = project
        return token
    }
}
