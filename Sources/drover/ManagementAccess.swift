import AsyncHTTPClient
import FleetModel
import Foundation
import HTTPServing
import Logging
import ManagementAPI
import NIOCore
import NIOSSL
import Pacing
import Settings

/// Who may call the management API, and its certificate.
struct ManagementAccess {
    let settings: EffectiveSettings
    let logger: Logger

    func tls() throws -> TLSConfiguration? {
        let files = (settings.optionalText("api.tls-certificate-file"), settings.optionalText("api.tls-key-file"))
        guard let certificate = files.0, let key = files.1 else {
            guard files.0 == nil, files.1 == nil else {
                throw SettingsError(complaints: ["api.tls-certificate-file and api.tls-key-file go together"])
            }
            return nil
        }
        return try ServerTLS(
            certificateFile: certificate, keyFile: key, wallClock: SystemWallClock(), logger: logger
        ).configuration()
    }

    func authenticator() throws -> any Authenticator {
        guard let ways = settings.authentication?.split(separator: ",").map(String.init) else {
            throw SettingsError(complaints: [
                "api.authentication is not set: name iap, tokens or basic, or none on a loopback address"
            ])
        }
        guard ways != ["none"] else { return OpenToAll() }
        func needed(_ key: String, _ way: String) throws -> String {
            guard let text = settings.optionalText(key), !text.isEmpty else {
                throw SettingsError(complaints: ["api.authentication is \(way) and needs \(key)"])
            }
            return text
        }
        var users: RequestAuthenticator.ProxyUsers?
        if ways.contains("iap") {
            let number = try needed("api.iap-project-number", "iap")
            let service = try needed("api.iap-backend-service-id", "iap")
            users = .init(
                verifier: IAPVerifier(
                    audience: "/projects/\(number)/global/backendServices/\(service)", keys: keys(),
                    wallClock: SystemWallClock()),
                allowed: try allowedUsers(needed("api.allowed-users", "iap")))
        }
        var basic: RequestAuthenticator.Credentials?
        if ways.contains("basic") || settings.flag("api.basic-enabled") {
            basic = .init(
                username: Secret(try needed("api.basic-username", "basic")),
                password: Secret(try needed("api.basic-password", "basic")))
        }
        var tokens: TokenFile?
        if ways.contains("tokens") {
            tokens = try TokenFile(
                path: try needed("api.token-file", "tokens"), wallClock: SystemWallClock(), logger: logger)
        }
        return RequestAuthenticator(proxyUsers: users, basic: basic, tokens: tokens)
    }

    private func keys() -> IAPKeys {
        let url = settings.text("api.iap-keys-url")
        return IAPKeys(wallClock: SystemWallClock()) {
            try await withDeadline(.seconds(10), clock: ContinuousClock()) {
                let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
                return Array(try await response.body.collect(upTo: 1 << 20).readableBytesView)
            }
        }
    }

    private func allowedUsers(_ text: String) throws -> [String: Caller.Role] {
        var users: [String: Caller.Role] = [:]
        for part in text.split(separator: ",") {
            let words = part.split(separator: "=").map { String($0.drop { $0 == " " }) }
            guard let role = words.count == 1 ? .admin : Caller.Role(rawValue: words.last ?? ""), words.count <= 2
            else {
                throw SettingsError(complaints: [
                    "api.allowed-users: \"\(part)\" must be an e-mail address, or one followed by =read, =operate or =admin"
                ])
            }
            users[words[0]] = role
        }
        return users
    }
}
