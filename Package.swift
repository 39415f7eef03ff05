// swift-tools-version:6.2
import PackageDescription

// Targets and their dependencies follow ARCHITECTURE.md: arrows point one way, nothing points back.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    // Old system C headers and deprecations in dependencies are not ours to fail on.
    .treatWarning("DeprecatedDeclaration", as: .warning),
]

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "_CryptoExtras", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let hummingbirdTesting = product(name: "HummingbirdTesting", package: "hummingbird")
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let coreMetrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let serviceLifecycleTestKit = product(
        name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let tracing = product(name: "Tracing", package: "swift-distributed-tracing")
    static let inMemoryTracing = product(name: "InMemoryTracing", package: "swift-distributed-tracing")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let swiftASN1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let yams = product(name: "Yams", package: "Yams")
}

/// A library target of ours, compiled with the house's settings.
func module(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

/// The tests of one module; fixtures are read from the source tree, so nothing is copied.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], exclude: [], swiftSettings: strict)
}

let package = Package(
    name: "drover",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "drover", targets: ["drover"]),
        .library(name: "MySQLWire", targets: ["MySQLWire"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["JSON", "YAML", "Logging"]),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // The domain: pure values and state machines, standard library only.
        module("FleetModel", []),
        // Any JSON: for documents whose shape is somebody else's.
        module("JSONValues", []),

        // The base: text from outside, codecs, configuration, logs and metrics, time.
        module("Foundations", [.systemPackage, .yams]),
        module("MySQLWire", [.nioCore, .nioPosix, .nioSSL, .crypto, .cryptoExtras, .logging]),
        module("Settings", ["Foundations", .configuration, .yams, "FleetModel"]),
        module("Observability", [.logging, .metrics, .coreMetrics, .tracing, "FleetModel"]),
        module("Endpoints", [.hummingbird, .httpTypes, .nioCore, "Observability"]),
        module("Pacing", ["FleetModel"]),
        module(
            "HTTPServing",
            [
                .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1, .nioPosix, .serviceLifecycle,
                "CDescriptors",
            ]),
        // The limit of open descriptors, and what the runtime needs to survive when they run out.
        .target(name: "CDescriptors"),

        // The outside systems.
        module(
            "Persistence", [.grdb, .logging, "FleetModel", "JSONValues", "Pacing"]),
        module(
            "ProxySQLAdmin", ["Foundations", .crypto, .logging, "FleetModel", "MySQLWire", "Observability", "Pacing"]),
        module(
            "GoogleCloud",
            [
                .asyncHTTPClient, .crypto, .cryptoExtras, .nioCore, .nioHTTP1, .nioPosix, .logging,
                .serviceLifecycle, "FleetModel", "JSONValues", "Observability", "Pacing",
            ]),

        module(
            "KubernetesClient",
            [
                "Foundations",
                .asyncHTTPClient, .nioCore, .nioHTTP1, .nioSSL, .logging, .serviceLifecycle, .subprocess,
                .systemPackage, .yams, "FleetModel", "JSONValues", "Observability", "Pacing",
            ]),

        // Programs and webhooks of somebody else's.
        module(
            "Hooks",
            [
                "Foundations", .asyncHTTPClient, .nioCore, .nioHTTP1, .subprocess, .systemPackage, "FleetModel",
                "Observability",
            ]),
        // What a build is made of; scripts/release.sh says it in the environment.
        .target(
            name: "CBuild",
            cSettings: [
                .define("DROVER_VERSION", to: "\"\(Context.environment["DROVER_VERSION"] ?? "0.1.0-development")\""),
                .define("DROVER_COMMIT", to: "\"\(Context.environment["DROVER_COMMIT"] ?? "unknown")\""),
                .define(
                    "DROVER_SWIFT_VERSION", to: "\"\(Context.environment["DROVER_SWIFT_VERSION"] ?? "unknown")\""),
            ]),
        // Without pkg-config, whose folder of shared objects would come before the release build's archives.
        .systemLibrary(name: "CZlib", path: "Sources/CZlib"),

        // The roles.
        module(
            "DigestExport", [.logging, .serviceLifecycle, "CZlib", "FleetModel", "MySQLWire", "Pacing"]),
        module(
            "Notifications", [.logging, .serviceLifecycle, "FleetModel", "Hooks", "Observability", "Pacing"]),
        module(
            "Watching", [.logging, .serviceLifecycle, "FleetModel", "Observability", "Pacing", "ProxySQLAdmin"]),
        module("Plugins", [.logging, .yams, "Agent", "Foundations", "Hooks", "Observability"]),
        module(
            "Scaler",
            [
                .asyncHTTPClient, .logging, .nioCore, .nioHTTP1, .serviceLifecycle,
                "FleetModel", "JSONValues", "KubernetesClient", "MySQLWire", "Pacing", "Observability", "ProxySQLAdmin",
                "GoogleCloud",
            ]),
        module(
            "Ingest",
            [
                .hummingbird, .logging, .nioCore, "Endpoints", "FleetModel", "Pacing", "Observability",
            ]),
        module(
            "ManagementAPI",
            [
                "Foundations",
                .hummingbird, .httpTypes, .logging, .nioCore, .nioHTTP1, .nioSSL, .serviceLifecycle, .crypto,
                .cryptoExtras,
                "Endpoints", "FleetModel", "JSONValues", "Pacing",
                "Persistence", "ProxySQLAdmin",
            ]),

        // What `drover ctl` does with the API.
        module(
            "ControlClient",
            [
                "Foundations",
                .asyncHTTPClient, .nioCore, .nioHTTP1, .yams, "FleetModel", "JSONValues", "ManagementAPI",
                "MySQLWire",
                "ProxySQLAdmin", "Pacing",
            ]),

        module(
            "Agent",
            [
                "Foundations",
                .asyncHTTPClient, .hummingbird, .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle,
                .unixSignals, "Endpoints", "FleetModel", "HTTPServing", "JSONValues", "KubernetesClient", "MySQLWire",
                "Pacing",
                "Observability",
                "ProxySQLAdmin",
                "Settings",
            ]),

        // Reads what other programs are configured with, by the readers of ours.
        module("Migration", ["FleetModel", "Foundations", .yams, "Agent", "Settings"]),
        // The reference part of the manual, made of everybody's registries.
        module("Manual", ["Agent", "Endpoints", "FleetModel", "Observability", "Settings"]),

        // Real servers on loopback that answer as the recorded systems do.
        module(
            "FakeProxySQL",
            [
                .grdb, .nioCore, .nioPosix, .nioSSL, .logging, "FleetModel", "MySQLWire", "Pacing",
            ]),
        module(
            "FakeGoogle",
            [
                .crypto, .httpTypes, .hummingbird, .nioCore, .serviceLifecycle, .swiftASN1, .x509,
                "FleetModel", "JSONValues", "Pacing",
            ]),
        module(
            "FakeKubernetes",
            [
                .hummingbird, .hummingbirdCore, .nioCore, .logging, .yams, "FleetModel", "HTTPServing", "JSONValues",
                "KubernetesClient", "Pacing",
            ]),
        module(
            "Sandbox",
            [
                .hummingbird, .asyncHTTPClient, .logging, .serviceLifecycle, .subprocess, .systemPackage, .nioCore,
                .nioPosix, .nioHTTP1,
                "Endpoints", "FleetModel", "HTTPServing", "JSONValues", "Pacing", "MySQLWire",
                "FakeProxySQL", "FakeGoogle", "FakeKubernetes", "KubernetesClient", "GoogleCloud",
            ]),

        module("Simulation", ["FleetModel"]),

        .executableTarget(
            name: "drover",
            dependencies: [
                "Foundations",
                .argumentParser, .asyncHTTPClient, .hummingbird, .hummingbirdCore, .hummingbirdTLS,
                .logging, .metrics,
                .nioCore, .serviceLifecycle, .unixSignals, .nioSSL,
                "Endpoints", "FleetModel", "HTTPServing", "JSONValues", "MySQLWire", "Settings", "Observability",
                "Pacing",
                "Persistence",
                "ProxySQLAdmin",
                "GoogleCloud", "Agent", "Scaler", "Ingest", "ManagementAPI", "Sandbox", "DigestExport", "Migration",
                "Simulation", "Hooks", "Plugins",
                "CBuild", "ControlClient", "Manual", "Notifications", "Watching", "KubernetesClient", .nioHTTP1,
            ],
            swiftSettings: strict),

        // Figures; here and not in the package Benchmarks, because it looks into modules that nobody outside can see.
        .executableTarget(
            name: "restart-bench", dependencies: ["FleetModel", "Pacing", "Persistence", "Scaler", .logging],
            path: "Benchmarks/restart", swiftSettings: strict),
        .executableTarget(
            name: "google-bench", dependencies: ["FleetModel", "GoogleCloud", "Pacing", .logging],
            path: "Benchmarks/google", swiftSettings: strict),
        .executableTarget(
            name: "planning-bench", dependencies: ["FleetModel", "Persistence", "Simulation"],
            path: "Benchmarks/planning", swiftSettings: strict),

        // What only tests use: a manual clock, a seeded generator, fixtures, private servers.
        .target(
            name: "TestSupport",
            dependencies: [
                .nioCore, .nioPosix, .logging, .tracing, .inMemoryTracing, "FakeProxySQL", "FleetModel", "Pacing",
            ],
            path: "Tests/TestSupport", swiftSettings: strict),

        // Every reader of text that people write, over the same shapes.
        tests(
            "OutsideTextTests",
            [
                "Agent", "ControlClient", "FleetModel", "Foundations", "KubernetesClient", "ManagementAPI", "Migration",
                "Pacing", "Plugins", "ProxySQLAdmin", "Settings", "Simulation", .logging,
            ]),
        tests("FoundationsTests", ["Foundations"]),
        tests("FleetModelTests", ["FleetModel"]),
        tests("JSONValuesTests", ["JSONValues"]),
        tests(
            "MySQLWireTests",
            [
                "MySQLWire", .cryptoExtras, .nioCore, .nioPosix, .nioSSL, .logging,
            ]),
        tests("SettingsTests", ["Settings", "FleetModel"]),
        tests("ObservabilityTests", ["Observability", .logging, .coreMetrics, .tracing, .inMemoryTracing]),
        tests("MigrationTests", ["Migration", "Agent"]),
        tests("ManualTests", ["Manual", "drover"]),
        tests(
            "HTTPServingTests",
            [
                "CDescriptors", "HTTPServing", .hummingbird, .hummingbirdCore, .nioCore, .nioPosix, .logging,
                .serviceLifecycle, .serviceLifecycleTestKit,
            ]),
        tests("SimulationTests", ["Simulation", "FleetModel"]),
        tests("PacingTests", ["Pacing", "FleetModel"]),
        tests("PersistenceTests", ["Persistence", "FleetModel", "JSONValues", "Pacing", .grdb, .logging]),
        tests(
            "ProxySQLAdminTests",
            [
                "ProxySQLAdmin", "FakeProxySQL", "MySQLWire", "FleetModel", .nioCore, .nioPosix, .logging,
            ]),
        tests(
            "FakeProxySQLTests",
            [
                "FakeProxySQL", "MySQLWire", "FleetModel", "Pacing", .logging,
            ]),
        tests(
            "GoogleCloudTests",
            [
                "Ingest", "GoogleCloud", "FakeGoogle", "FakeProxySQL", "FleetModel", "HTTPServing", "JSONValues",
                "Pacing",
                "Persistence", "ProxySQLAdmin",
                "Scaler", .asyncHTTPClient, .crypto, .cryptoExtras, .serviceLifecycle, .serviceLifecycleTestKit,
                .hummingbird, .nioCore, .nioHTTP1, .logging, .httpTypes,
            ]),
        tests(
            "KubernetesClientTests",
            [
                "KubernetesClient", "FakeKubernetes", "FleetModel", "Foundations", "JSONValues", "Pacing", .nioCore,
                .logging,
                .subprocess,
                .systemPackage,
            ]),
        tests(
            "HooksTests",
            [
                "Hooks", "FleetModel", "HTTPServing", .asyncHTTPClient, .hummingbird, .nioCore, .nioPosix, .httpTypes,
                .logging,
            ]),
        tests("NotificationsTests", ["Notifications", "Hooks", "FleetModel", "Pacing", "Persistence", .logging]),
        tests("WatchingTests", ["Watching", "FleetModel", "Pacing", "Persistence", "ProxySQLAdmin", .logging]),
        tests("PluginsTests", ["Plugins", "Agent", "Hooks", "Pacing", "FleetModel", .logging]),
        tests(
            "DigestExportTests",
            ["DigestExport", "FakeProxySQL", "MySQLWire", "FleetModel", .nioCore, .logging]),
        tests(
            "ScalerTests",
            [
                "Scaler", "Persistence", "FleetModel", "JSONValues", "MySQLWire", "Pacing", "ProxySQLAdmin",
                "FakeKubernetes", "KubernetesClient", .asyncHTTPClient, .logging,
            ]),
        tests(
            "IngestTests",
            [
                "Ingest", "Persistence", "FleetModel", .hummingbird, .hummingbirdTesting, .nioCore,
                .httpTypes,
                .logging,
            ]),
        tests(
            "ManagementAPITests",
            [
                "ControlClient", "Endpoints", "HTTPServing", "ManagementAPI", "Persistence", "FleetModel", "JSONValues",
                "Pacing",
                "Scaler", "ProxySQLAdmin",
                "FakeProxySQL",
                "MySQLWire", .asyncHTTPClient, .hummingbird, .hummingbirdCore, .hummingbirdTesting, .nioCore,
                .nioEmbedded, .nioHTTP1, .nioPosix, .nioSSL, .httpTypes, .logging, .crypto,
            ]),
        tests(
            "AgentTests",
            [
                "Agent", "FakeKubernetes", "FakeProxySQL", "KubernetesClient", "ProxySQLAdmin", "MySQLWire",
                "FleetModel", "HTTPServing", "JSONValues", "Pacing", .asyncHTTPClient,
                .hummingbird, .hummingbirdCore, .logging, .nioCore,
                .nioHTTP1, .nioPosix, .serviceLifecycle,
            ]),
        // A whole installation in one process and virtual time.
        tests(
            "InstallationTests",
            [
                "FakeProxySQL", "FleetModel", "ManagementAPI", "MySQLWire", "Pacing", "Persistence", "ProxySQLAdmin",
                "Scaler", .hummingbird, .httpTypes, .logging, .nioCore, .nioEmbedded,
            ]),
        tests(
            "SandboxTests",
            [
                "Sandbox", "JSONValues", "Pacing",
                .logging,
            ]),
    ]
)
