// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The language settings of every target: said once, so that no target can differ.
/// CI sets KINORA_WARNINGS_AS_ERRORS; a developer's half-written line may still warn.
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
    ]
    + (ProcessInfo.processInfo.environment["KINORA_WARNINGS_AS_ERRORS"] == nil
        ? [] : [.treatAllWarnings(as: .error)])

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let scrypt = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")

let package = Package(
    name: "kinora",
    products: [.executable(name: "kinora", targets: ["FCGIApp"])],
    dependencies: [
        // Verbs, options, help and shell completion in the form users of Swift tools know.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // AES-GCM, HMAC, SHA-256 and scrypt from BoringSSL: cryptography is never ours to write.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        // Levels and metadata in the ecosystem's own logging interface, so that an operator can swap the
        // handler.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        .systemLibrary(name: "CProcesses"),
        .systemLibrary(name: "CFastCGI", providers: [.apt(["libfcgi-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

        .target(name: "Core", dependencies: [crypto], swiftSettings: strict),
        .target(name: "Dialects", dependencies: ["Core", crypto], swiftSettings: strict),
        .target(name: "Upstream", dependencies: ["Core", "CCurl", crypto], swiftSettings: strict),
        .target(name: "Store", dependencies: ["Core", "CPostgres", crypto], swiftSettings: strict),
        .target(name: "Processes", dependencies: ["Core", "CProcesses"], swiftSettings: strict),
        .target(
            name: "Engine", dependencies: ["Core", "Processes", "Store", "Upstream", crypto],
            swiftSettings: strict),
        .target(name: "FastCGI", dependencies: ["Core", "CFastCGI", crypto], swiftSettings: strict),
        .target(
            name: "Sandbox", dependencies: ["Core", "FastCGI", "Processes", crypto], swiftSettings: strict),
        .executableTarget(
            name: "FCGIApp",
            dependencies: [
                "Core", "Dialects", "Engine", "FastCGI", "Sandbox", "Store", "Upstream",
                arguments, logging, crypto, scrypt,
            ],
            swiftSettings: strict),

        // Measures (script/bench drain); no product, and nothing of Kinora depends on it.
        .executableTarget(
            name: "drain", dependencies: ["Core", "Engine", "Store", "Upstream"],
            path: "script/lib/bench/drain", swiftSettings: strict),

        .target(
            name: "TestSupport", dependencies: ["Core", "CPostgres", "Processes", "Store"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(name: "CoreTests", dependencies: ["Core", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "DialectTests", dependencies: ["Core", "Dialects", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "UpstreamTests", dependencies: ["Core", "TestSupport", "Upstream", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "StoreTests", dependencies: ["Core", "Store", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "EngineTests",
            dependencies: ["Core", "Engine", "Store", "TestSupport", "Upstream", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Core", "Engine", "FCGIApp", "FastCGI", "Store", "TestSupport", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "SandboxTests",
            dependencies: ["Core", "Processes", "Sandbox", "TestSupport", "Upstream", crypto],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["Core", "Dialects"], swiftSettings: strict),
    ]
)
