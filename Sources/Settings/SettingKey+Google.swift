extension SettingKey {
    /// Where things are kept on Google Cloud, and how they are reached.
    static let google: [SettingKey] = [
        SettingKey(
            "store.kind", .word(["sqlite", "datastore"]), "sqlite",
            "Where groups and incidents are: embedded in state.directory, or in Datastore as Chester keeps them."),
        SettingKey(
            "queue.kind", .word(["sqlite", "pubsub"]), "sqlite",
            "What wakes the scaler: an embedded queue, or Pub/Sub with Chester's messages."),
        SettingKey(
            "datastore.endpoint", .text, "https://datastore.googleapis.com",
            "Address of the Datastore API; DATASTORE_EMULATOR_HOST replaces it."),
        SettingKey("datastore.database", .text, nil, "The database; the default one when unset."),
        SettingKey("datastore.namespace", .text, "chester", "The namespace; Chester's own."),
        SettingKey(
            "datastore.timeout-seconds", .seconds(0.1...600), "20", "How long one call of the API may take."),
        SettingKey(
            "pubsub.endpoint", .text, "https://pubsub.googleapis.com",
            "Address of the Pub/Sub API; PUBSUB_EMULATOR_HOST replaces it."),
        SettingKey("pubsub.topic", .text, nil, "The topic of incidents and restarts."),
        SettingKey("pubsub.subscription", .text, nil, "The scaler's subscription of it."),
        SettingKey(
            "pubsub.dead-letter-topic", .text, nil,
            "Where messages go that nobody can handle, when the subscription has no dead letter policy."),
        SettingKey(
            "pubsub.maximum-attempts", .integer(1...1_000), "10", "How often a message is delivered before that."),
        SettingKey("pubsub.timeout-seconds", .seconds(0.1...600), "20", "How long one call of the API may take."),
        SettingKey("kms.endpoint", .text, "https://cloudkms.googleapis.com", "Address of the Cloud KMS API."),
        SettingKey(
            "kms.force-encrypt", .flag, "true",
            "Whether passwords in Datastore are encrypted with a key of Cloud KMS; then the key must be named."),
        SettingKey("kms.location", .text, nil, "The key's location, for example europe-west1 or global."),
        SettingKey("kms.key-ring", .text, nil, "The key's key ring."),
        SettingKey("kms.key-name", .text, nil, "The key; its algorithm must be RSA_DECRYPT_OAEP_*_SHA512."),
        SettingKey("kms.key-version", .text, nil, "The key's version that encrypts."),
        SettingKey(
            "secretmanager.endpoint", .text, "https://secretmanager.googleapis.com",
            "Address of the Secret Manager API."),
        SettingKey(
            "iam.endpoint", .text, "https://iam.googleapis.com", "Address of the IAM API, for 'drover setup google'."),
        SettingKey(
            "resourcemanager.endpoint", .text, "https://cloudresourcemanager.googleapis.com",
            "Address of the Resource Manager API, for 'drover setup google'."),
        SettingKey(
            "monitoring.endpoint", .text, "https://monitoring.googleapis.com",
            "Address of the Cloud Monitoring API, for metrics in policies and for 'drover setup google'."),
        SettingKey(
            "ingest.auth-enabled", .flag, "false",
            "Whether a notification must prove where it comes from; implied by anything set below it."),
        SettingKey(
            "ingest.allow-open", .flag, "false",
            "Whether the webhook may listen on other than loopback addresses and take notifications from whoever "
                + "reaches it, each of which can add or remove replicas."),
        SettingKey(
            "ingest.secret-id", .text, nil, "Secret of Secret Manager with the value of the query parameter auth_token."
        ),
        SettingKey("ingest.basic-username", .text, nil, "User name of Basic credentials.", isSecret: true),
        SettingKey("ingest.basic-password", .text, nil, "Their password.", isSecret: true),
        SettingKey("ingest.push-audience", .text, nil, "Audience of the OIDC tokens of a Pub/Sub push subscription."),
        SettingKey("ingest.push-email", .text, nil, "Service account of that push subscription."),
        SettingKey(
            "ingest.push-keys-url", .text, "https://www.googleapis.com/oauth2/v3/certs",
            "Where the keys of those tokens are."),
    ]

    /// Chester's names for these; of several, the first that is set.
    static let googleVariables: [String: [String]] = [
        "pubsub.topic": ["PUBSUB_TOPIC", "TOPIC"], "pubsub.subscription": ["PUBSUB_SUBSCRIPTION"],
        "kms.force-encrypt": ["FORCE_ENCRYPT"], "kms.location": ["KMS_KEY_LOCATION"],
        "kms.key-ring": ["KMS_KEY_RING"], "kms.key-name": ["KMS_KEY_NAME"], "kms.key-version": ["KMS_KEY_VERSION"],
        "ingest.auth-enabled": ["AUTH_ENABLED"], "ingest.secret-id": ["SECRET_ID"],
    ]
}
