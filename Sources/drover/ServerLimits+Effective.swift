import Endpoints
import FleetModel
import HTTPServing
import HummingbirdCore
import NIOCore
import Pacing
import Settings

extension EffectiveSettings {
    /// What the server of `surface`, `api` or `ingest`, holds its clients to.
    func serverLimits(_ surface: String) -> ServerLimits {
        var limits = ServerLimits()
        limits.headTimeout = time("\(surface).head-timeout-seconds")
        limits.idleTimeout = time("\(surface).idle-timeout-seconds")
        limits.bodyTimeout = time("\(surface).body-timeout-seconds")
        limits.maximumConnections = Descriptors.connections(wanted: integer("\(surface).max-connections"))
        return limits
    }

    /// What browsers may be made to send to the API.
    var browserCheck: BrowserCheck {
        let further = text("api.allowed-hosts").split(separator: ",").map { String($0.filter { $0 != " " }) }
        return BrowserCheck(
            hosts: authentication == "none" ? .loopback : .any, allowedHosts: further,
            speaksTLS: optionalText("api.tls-certificate-file") != nil)
    }

    /// Where a server listens; a port of the system's choice where nothing says it.
    func bindAddress(of address: HostAndPort?) -> BindAddress {
        .hostname(address?.host ?? "127.0.0.1", port: address?.port ?? 0)
    }

    private func time(_ key: String) -> TimeAmount { .milliseconds(seconds(key).wholeMilliseconds) }
}
