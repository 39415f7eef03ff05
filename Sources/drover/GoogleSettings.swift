import ArgumentParser
import FleetModel
import Foundation
import GoogleCloud
import Ingest
import Logging
import Pacing
import ServiceLifecycle
import Settings

extension EffectiveSettings {
    private var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// What gives out tokens for a service. Plain HTTP on this machine is a stand-in and gets none.
    func credentials(
        for service: GoogleCredentials.Service, at endpointKey: String, _ logger: Logger
    ) throws -> any AccessTokenProvider {
        try credentials(for: service, endpoint: text(endpointKey), logger)
    }

    private func credentials(
        for service: GoogleCredentials.Service, endpoint: String, _ logger: Logger
    ) throws -> any AccessTokenProvider {
        guard endpoint.hasPrefix("https://") else { return .none }
        return try GoogleCredentials(environment: environment, wallClock: SystemWallClock(), logger: logger)
            .provider(for: service)
    }

    /// Calls of one of Google's services; an emulator's variable replaces its address and its credentials.
    func request(
        _ service: GoogleCredentials.Service, _ endpointKey: String, timeout: Duration = .seconds(20),
        emulator: String? = nil, recorder: ChangeRecorder? = nil, _ logger: Logger
    ) throws -> GoogleRequest {
        let endpoint =
            emulator.map {
                ServiceEndpoint(text(endpointKey), emulatorVariable: $0, environment: environment).url
            } ?? text(endpointKey)
        return GoogleRequest(
            endpoint: endpoint, timeout: timeout,
            credentials: try credentials(for: service, endpoint: endpoint, logger), logger: logger, recorder: recorder)
    }

    /// Datastore where it is set, and where Chester's variables name a topic and nothing says otherwise.
    var keepsInDatastore: Bool {
        isSet("store.kind") ? text("store.kind") == "datastore" : optionalText("pubsub.topic") != nil
    }

    /// Pub/Sub where it is set, and where Chester's variables name a topic and nothing says otherwise.
    var queuesInPubSub: Bool {
        isSet("queue.kind") ? text("queue.kind") == "pubsub" : optionalText("pubsub.topic") != nil
    }

    /// The project, which everything on Google Cloud needs.
    func project() throws -> String {
        guard let project = optionalText("cloudsql.project"), !project.isEmpty else {
            throw Complaint("cloudsql.project is not set (Chester's PROJECT_ID)")
        }
        return project
    }

    /// The Datastore; with a `recorder` it is only read.
    func datastore(_ logger: Logger, recorder: ChangeRecorder? = nil) throws -> DatastoreClient {
        DatastoreClient(
            request: try request(
                .datastore, "datastore.endpoint", timeout: seconds("datastore.timeout-seconds"),
                emulator: "DATASTORE_EMULATOR_HOST", recorder: recorder, logger),
            project: try project(), database: optionalText("datastore.database"),
            namespace: text("datastore.namespace"))
    }

    /// Pub/Sub.
    func pubSub(_ logger: Logger) throws -> PubSubClient {
        PubSubClient(
            request: try request(
                .pubSub, "pubsub.endpoint", timeout: seconds("pubsub.timeout-seconds"),
                emulator: "PUBSUB_EMULATOR_HOST", logger),
            project: try project())
    }

    /// The queue on Pub/Sub; without `notifications` it does not take Cloud Monitoring's own.
    func workQueue(
        receives: Bool, _ logger: Logger, notifications: PubSubWorkQueue.Notifications? = nil
    ) throws -> PubSubWorkQueue {
        guard let topic = optionalText("pubsub.topic") else {
            throw Complaint("pubsub.topic is not set (Chester's PUBSUB_TOPIC)")
        }
        let subscription = optionalText("pubsub.subscription")
        if receives, subscription == nil {
            throw Complaint("pubsub.subscription is not set (Chester's PUBSUB_SUBSCRIPTION)")
        }
        var settings = PubSubWorkQueue.Settings(
            topic: topic, subscription: receives ? subscription : nil,
            deadLetterTopic: optionalText("pubsub.dead-letter-topic"))
        settings.maximumAttempts = integer("pubsub.maximum-attempts")
        return PubSubWorkQueue(
            client: try pubSub(logger), settings: settings, clocks: (SystemWallClock(), ContinuousClock()),
            logger: logger, notifications: notifications)
    }

    /// What passwords in Datastore are encrypted with; the key is nil where new ones are not. A role that stores no `new`
    /// passwords needs no key named, as Chester's daemon needed none: what is stored names its own.
    func passwords(_ logger: Logger, new: Bool = true) throws -> (vault: any PasswordVault, key: KMSKeyVersion?) {
        let vault = KMSVault(request: try request(.kms, "kms.endpoint", logger))
        guard flag("kms.force-encrypt") else { return (vault, nil) }
        guard let key = keyVersion else {
            if !new { return (vault, nil) }
            let absent = Self.keyNames.filter { optionalText($0)?.isEmpty ?? true }
            throw Complaint(
                "\(absent.joined(separator: ", ")) not set (Chester's KMS_KEY_LOCATION, KMS_KEY_RING, KMS_KEY_NAME, "
                    + "KMS_KEY_VERSION): passwords in Datastore are encrypted, unless kms.force-encrypt "
                    + "(FORCE_ENCRYPT) is false")
        }
        return (vault, key)
    }

    private static let keyNames = ["kms.location", "kms.key-ring", "kms.key-name", "kms.key-version"]

    /// The key that is named; nil where a part of its name is not set.
    var keyVersion: KMSKeyVersion? {
        let parts = Self.keyNames.compactMap { optionalText($0) }.filter { !$0.isEmpty }
        guard parts.count == Self.keyNames.count, let project = try? project() else { return nil }
        return KMSKeyVersion(
            project: project, location: parts[0], keyRing: parts[1], key: parts[2], version: parts[3])
    }

    /// How notifications prove where they come from.
    ///
    /// Without `asks`, nobody is asked for the secret that `ingest.secret-id` names.
    func ingestAuthentication(_ logger: Logger, asks: Bool = true) async throws -> IngestAuthentication {
        var authentication = IngestAuthentication(token: secret("ingest.auth-token"))
        let isOff = isSet("ingest.auth-enabled") && !flag("ingest.auth-enabled")
        if authentication.token == nil, !isOff, let id = optionalText("ingest.secret-id") {
            let secrets = SecretManager(
                request: try request(.other, "secretmanager.endpoint", logger), project: try project())
            authentication.token = asks ? try await secrets.secret(id) : Secret("")
        }
        if let username = secret("ingest.basic-username"), let password = secret("ingest.basic-password") {
            authentication.basic = (username, password)
        }
        if let audience = optionalText("ingest.push-audience"), let email = optionalText("ingest.push-email") {
            let verifier = PushTokenVerifier(
                expectation: .init(audience: audience, email: email),
                request: GoogleRequest(endpoint: text("ingest.push-keys-url"), timeout: .seconds(10), logger: logger),
                wallClock: SystemWallClock(), logger: logger)
            authentication.acceptsPush = { await verifier.accepts($0) }
        }
        guard authentication.isRequired || !flag("ingest.auth-enabled") else {
            throw Complaint(
                "ingest.auth-enabled (AUTH_ENABLED) is true and nothing says what to ask for: set ingest.auth-token, "
                    + "ingest.secret-id (SECRET_ID), ingest.basic-username and -password, or ingest.push-audience and "
                    + "-email")
        }
        if !authentication.isRequired {
            let isLocal = webhookAddress?.isLoopback ?? true
            logger.log(
                level: isLocal ? .notice : .warning,
                "whoever reaches the webhook may send notifications, and add and remove replicas by them",
                metadata: ["ingest.address": "\(webhookAddress.map { "\($0)" } ?? "")"])
        }
        return authentication
    }
}

/// A setting that is missing or does not go with another.
struct Complaint: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// Runs `body`; what it complains of is printed, and the process ends with 78.
    static func heard<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as ExitCode {
            throw error
        } catch let error as Complaint {
            Console.complain(error.description)
            throw ProgramExit.settings.code
        } catch {
            Console.complain("\(error)")
            throw ProgramExit.failure.code
        }
    }
}
