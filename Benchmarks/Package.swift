// swift-tools-version:6.2
import PackageDescription

let package = Package(
    name: "drover-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "drover", path: "../"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .executableTarget(
            name: "client-rows",
            dependencies: [
                .product(name: "MySQLWire", package: "drover"), .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "hello",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "alerts",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
    ]
)
