import Crypto
import FleetModel
import JSONValues
package import Pacing
import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The public keys of Identity-Aware Proxy, fetched and kept (Google Cloud documentation, "Securing your app with
/// signed headers": a JWK set whose keys change, so that an unknown one is a reason to look again).
package actor IAPKeys {
    /// Fetches the JWK set; has a deadline of its own.
    package typealias Fetch = @Sendable () async throws -> [UInt8]

    /// Keys are fetched again when they are older than this.
    private static let freshness = Duration.seconds(3_600)
    /// Keys that cannot be fetched again serve on for this long.
    private static let endurance = Duration.seconds(86_400)
    /// Between two fetches, so that invented keys cost the issuer nothing.
    private static let pause = Duration.seconds(10)

    private let fetch: Fetch
    private let wallClock: any WallClock
    private let turn = Turn()
    private var keys: [String: P256.Signing.PublicKey] = [:]
    private var fetchedAt: Timestamp?
    private var triedAt: Timestamp?

    /// Makes an empty set; nothing is fetched before a key is asked for.
    package init(wallClock: any WallClock, fetch: @escaping Fetch) {
        self.wallClock = wallClock
        self.fetch = fetch
    }

    /// The key called `id`.
    func key(_ id: String) async throws(Unauthenticated) -> P256.Signing.PublicKey {
        if let key = keys[id], isYoung(fetchedAt, Self.freshness) { return key }
        await turn.take()
        defer { turn.give() }
        if keys[id] == nil || !isYoung(fetchedAt, Self.freshness), !isYoung(triedAt, Self.pause) {
            triedAt = wallClock.now()
            await refresh()
        }
        guard isYoung(fetchedAt, Self.endurance) else {
            var error = Unauthenticated("the keys of Identity-Aware Proxy cannot be had now", because: "no keys")
            error.status = 503
            throw error
        }
        guard let key = keys[id] else {
            throw Unauthenticated("the assertion is signed by an unknown key", because: "unknown key")
        }
        return key
    }

    private func refresh() async {
        guard let data = try? await fetch(), let set = try? JSONDecoder().decode(JSONValue.self, from: Data(data))
        else {
            return
        }
        var found: [String: P256.Signing.PublicKey] = [:]
        for key in set["keys"]?.elements ?? [] {
            guard let id = key["kid"]?.string, key["kty"] == "EC", key["crv"] == "P-256",
                let x = Base64URL.decode(key["x"]?.string ?? ""), let y = Base64URL.decode(key["y"]?.string ?? ""),
                let made = try? P256.Signing.PublicKey(rawRepresentation: Self.padded(x) + Self.padded(y))
            else { continue }
            found[id] = made
        }
        guard !found.isEmpty else { return }
        keys = found
        fetchedAt = wallClock.now()
    }

    private func isYoung(_ moment: Timestamp?, _ limit: Duration) -> Bool {
        guard let moment else { return false }
        return wallClock.now().since(moment) < limit
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: max(0, 32 - bytes.count)) + bytes
    }
}

/// Base64 with the alphabet for URLs and without padding (RFC 4648, section 5).
enum Base64URL {
    /// The bytes, or nil when `text` is none.
    static func decode(_ text: String) -> [UInt8]? {
        var plain = text.replacing("-", with: "+").replacing("_", with: "/")
        guard !plain.contains("="), plain.utf8.count % 4 != 1 else { return nil }
        while plain.utf8.count % 4 != 0 { plain.append("=") }
        return Data(base64Encoded: plain).map { [UInt8]($0) }
    }
}
