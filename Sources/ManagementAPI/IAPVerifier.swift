import Crypto
import FleetModel
import JSONValues
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Checks the assertions of Identity-Aware Proxy (ES256; RFC 7519, RFC 7515).
package struct IAPVerifier: Sendable {
    /// Whose assertions they are.
    private static let issuer = "https://cloud.google.com/iap"
    /// How far the clocks of Google and this machine may differ.
    private static let skew = Duration.seconds(30)
    /// Longer texts are not looked at.
    private static let maximumBytes = 16_384

    private let audience: String
    private let keys: IAPKeys
    private let wallClock: any WallClock

    /// Takes assertions for `audience`, `/projects/NUMBER/global/backendServices/ID`.
    package init(audience: String, keys: IAPKeys, wallClock: any WallClock) {
        self.audience = audience
        self.keys = keys
        self.wallClock = wallClock
    }

    /// The e-mail address that `assertion` proves.
    func email(_ assertion: String) async throws(Unauthenticated) -> String {
        let parts = assertion.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard assertion.utf8.count <= Self.maximumBytes, parts.count == 3,
            let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw Self.refused("it cannot be read") }
        guard header["alg"] == "ES256", let id = header["kid"]?.string else {
            throw Self.refused("it is not signed by ES256 with a named key")
        }
        let key = try await keys.key(id)
        guard let signed = try? P256.Signing.ECDSASignature(rawRepresentation: signature),
            key.isValidSignature(signed, for: Data("\(parts[0]).\(parts[1])".utf8))
        else { throw Self.refused("its signature is wrong") }
        guard claims["iss"]?.string == Self.issuer else { throw Self.refused("it has another issuer") }
        let audiences = [claims["aud"]].compactMap(\.self) + (claims["aud"]?.elements ?? [])
        guard audiences.contains(.string(audience)) else { throw Self.refused("it is for another audience") }
        let now = wallClock.now()
        guard let expires = Self.moment(claims["exp"]), now.since(expires) < Self.skew else {
            throw Self.refused("it is expired")
        }
        guard let issued = Self.moment(claims["iat"]), issued.since(now) < Self.skew else {
            throw Self.refused("it is from the future")
        }
        if let claim = claims["nbf"] {
            guard let begins = Self.moment(claim), begins.since(now) < Self.skew else {
                throw Self.refused("it is not valid yet")
            }
        }
        guard let email = claims["email"]?.string, !email.isEmpty else { throw Self.refused("it names no user") }
        return email
    }

    private static func object(_ part: String) -> JSONValue? {
        guard let bytes = Base64URL.decode(part),
            let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)), case .object = value
        else { return nil }
        return value
    }

    private static func moment(_ value: JSONValue?) -> Timestamp? {
        switch value {
        case .integer(let seconds): Timestamp(secondsSinceEpoch: seconds)
        case .number(let seconds) where abs(seconds) < 1e15: Timestamp(secondsSinceEpoch: Int64(seconds))
        default: nil
        }
    }

    private static func refused(_ reason: String) -> Unauthenticated {
        Unauthenticated("the assertion of Identity-Aware Proxy is not valid: \(reason)", because: reason)
    }
}
