extension SettingKey {
    /// The keys of the management API.
    static let api: [SettingKey] = [
        SettingKey("api.address", .address, "127.0.0.1:8082", "Where the management API and /metrics listen."),
        SettingKey(
            "api.authentication", .words(["none", "iap", "tokens", "basic"]), nil,
            "How callers of the API prove who they are: iap, tokens, basic, or several separated by commas; none is "
                + "allowed on loopback addresses only."),
        SettingKey(
            "api.allowed-hosts", .text, nil,
            "Further names, host or host:port separated by commas, under which browsers reach the API: behind a proxy "
                + "that changes Host, and with authentication none, which answers to loopback names only."),
        SettingKey("api.iap-project-number", .text, nil, "Project number in the audience of IAP's assertions."),
        SettingKey("api.iap-backend-service-id", .text, nil, "Backend service in the audience of IAP's assertions."),
        SettingKey(
            "api.iap-keys-url", .text, "https://www.gstatic.com/iap/verify/public_key-jwk",
            "Where the keys of IAP's assertions are."),
        SettingKey(
            "api.allowed-users", .text, nil,
            "E-mail addresses that IAP may let in, separated by commas; =read or =operate behind one limits it."),
        SettingKey(
            "api.basic-enabled", .flag, "false", "Whether Basic credentials are asked for in addition to IAP."),
        SettingKey("api.basic-username", .text, nil, "Their user name.", isSecret: true),
        SettingKey("api.basic-password", .text, nil, "Their password.", isSecret: true),
        SettingKey(
            "api.token-file", .text, nil,
            "File with bearer tokens: name, role and token on each line; read again "
                + "when it changes."),
        SettingKey("api.tls-certificate-file", .text, nil, "PEM file with the certificate chain; read again."),
        SettingKey("api.tls-key-file", .text, nil, "PEM file with its key; read again."),
        SettingKey("api.max-body-bytes", .integer(1_024...67_108_864), "1048576", "Largest body of a request."),
        SettingKey(
            "api.head-timeout-seconds", .seconds(0.1...600), "10",
            "How long the head of a connection's first request may take to come."),
        SettingKey(
            "api.body-timeout-seconds", .seconds(0.1...600), "20", "How long the body of a request may take to come."),
        SettingKey(
            "api.idle-timeout-seconds", .seconds(1...3_600), "60",
            "After this a connection without a request is closed."),
        SettingKey(
            "api.max-connections", .integer(1...100_000), "1000",
            "Connections at once; fewer where the limit of open files is low. One too many takes the place of one that "
                + "waits for a request."),
        SettingKey(
            "api.requests-per-second", .integer(1...1_000_000), "200",
            "Requests that one address may make a second; twice as many after a rest."),
    ]

    /// Chester's names for keys of ours.
    static let chesterVariables = [
        "cloudsql.project": "PROJECT_ID", "api.iap-project-number": "PROJECT_NUMBER",
        "api.iap-backend-service-id": "BACKEND_SERVICE_ID", "api.allowed-users": "ALLOWED_USERS",
        "api.basic-enabled": "BASIC_AUTH_ENABLED", "api.basic-username": "AUTH_USER",
        "api.basic-password": "AUTH_PASS", "notifications.slack.first-segment": "FIRST_SEGMENT",
        "notifications.slack.second-segment": "SECOND_SEGMENT", "notifications.slack.third-segment": "THIRD_SEGMENT",
    ]
}
