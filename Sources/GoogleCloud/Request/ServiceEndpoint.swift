/// Where a service is reached and with which credentials: an emulator's variable replaces both.
package struct ServiceEndpoint: Hashable, Sendable {
    /// `https://pubsub.googleapis.com`, or an emulator's address.
    package var url: String
    /// Whether it is an emulator: plain HTTP, no credentials.
    package var isEmulator: Bool

    /// Reads the emulator's variable, for example `PUBSUB_EMULATOR_HOST=127.0.0.1:8085`, as Google's clients do.
    package init(_ url: String, emulatorVariable: String, environment: [String: String]) {
        if let host = environment[emulatorVariable], !host.isEmpty {
            self.url = host.contains("://") ? host : "http://\(host)"
            isEmulator = true
        } else {
            self.url = url
            isEmulator = false
        }
    }

    /// Pub/Sub.
    package static func pubSub(_ environment: [String: String]) -> ServiceEndpoint {
        ServiceEndpoint(
            "https://pubsub.googleapis.com", emulatorVariable: "PUBSUB_EMULATOR_HOST", environment: environment)
    }

    /// Datastore, or Firestore in Datastore mode.
    package static func datastore(_ environment: [String: String]) -> ServiceEndpoint {
        ServiceEndpoint(
            "https://datastore.googleapis.com", emulatorVariable: "DATASTORE_EMULATOR_HOST", environment: environment)
    }
}
