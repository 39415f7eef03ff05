package import FleetModel

/// A version of an asymmetric key in Cloud KMS, by the parts that Chester stores.
package struct KMSKeyVersion: Hashable, Sendable {
    /// The project.
    package var project: String
    /// The location, for example `europe-west1` or `global`.
    package var location: String
    /// The key ring.
    package var keyRing: String
    /// The key.
    package var key: String
    /// The version's number.
    package var version: String

    /// Names a version.
    package init(project: String, location: String, keyRing: String, key: String, version: String) {
        self.project = project
        self.location = location
        self.keyRing = keyRing
        self.key = key
        self.version = version
    }

    /// The resource name (Cloud KMS documentation, "Getting a Cloud KMS resource ID").
    package var resource: String {
        "projects/\(project)/locations/\(location)/keyRings/\(keyRing)/cryptoKeys/\(key)/cryptoKeyVersions/\(version)"
    }
}

/// What encrypts passwords before they are stored, and decrypts them after.
package protocol PasswordVault: Sendable {
    /// The text to store for `password`: the one that it was read from, where it was read, so that saving a group does
    /// not change passwords that nobody changed.
    func seal(_ password: Secret, with key: KMSKeyVersion) async throws(StoreError) -> String
    /// The password that `text` was stored for.
    func open(_ text: String, with key: KMSKeyVersion) async throws(StoreError) -> Secret
}
