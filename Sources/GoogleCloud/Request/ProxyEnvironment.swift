import FleetModel

/// Which proxy a host is reached through, by the variables that curl and Google's own clients read: `HTTPS_PROXY`,
/// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, also in lower case.
struct ProxyEnvironment: Hashable, Sendable {
    /// A proxy's address.
    struct Address: Hashable, Sendable {
        var host: String
        var port: Int
        /// `user:password`, as the proxy wants them.
        var credentials: Secret?
        /// Whether it speaks SOCKS 5 instead of HTTP.
        var isSOCKS = false
    }

    private var secure: Address?
    private var plain: Address?
    private var exceptions: [String]

    init(_ environment: [String: String]) {
        func value(_ name: String) -> String? {
            // `HTTP_PROXY` in capitals can be set by a client of a CGI program ("httpoxy"), but not of this one.
            (environment[name.lowercased()] ?? environment[name]).flatMap { $0.isEmpty ? nil : $0 }
        }
        let all = value("ALL_PROXY").flatMap(Self.address)
        secure = value("HTTPS_PROXY").flatMap(Self.address) ?? all
        plain = value("HTTP_PROXY").flatMap(Self.address) ?? all
        exceptions = (value("NO_PROXY") ?? "").split(whereSeparator: { ", ".contains($0) }).map {
            $0.lowercased()
        }
    }

    /// The proxy for `url`, or nil for none. This machine and Google's metadata server are never behind one.
    func proxy(for url: String) -> Address? {
        let isSecure = url.hasPrefix("https://")
        guard let address = isSecure ? secure : plain, let host = Self.host(of: url)?.lowercased() else { return nil }
        let own = ["localhost", "metadata.google.internal", "169.254.169.254", "::1"]
        guard !own.contains(host), !host.hasPrefix("127.") else { return nil }
        let port = Self.authority(of: url).flatMap { Self.split($0).port } ?? (isSecure ? 443 : 80)
        let isException = exceptions.contains { exception in
            let place = exception.hasSuffix(":\(port)") ? exception.prefix { $0 != ":" } : exception[...]
            let suffix = String(place.hasPrefix("*") ? place.dropFirst() : place)
            if suffix.isEmpty { return true }
            let bare = suffix.hasPrefix(".") ? String(suffix.dropFirst()) : suffix
            return host == bare || host.hasSuffix(".\(bare)")
        }
        return isException ? nil : address
    }

    /// The host in a URL.
    static func host(of url: String) -> String? { authority(of: url).map { split($0).host } }

    /// What stands between `://` and the path.
    private static func authority(of url: String) -> Substring? {
        guard let scheme = url.firstRange(of: "://") else { return nil }
        return url[scheme.upperBound...].prefix { !"/?#".contains($0) }
    }

    private static func split(_ authority: Substring) -> (user: Substring?, host: String, port: Int?) {
        let at = authority.lastIndex(of: "@")
        let user = at.map { authority[..<$0] }
        let place = at.map { authority[authority.index(after: $0)...] } ?? authority
        let isBracketed = place.hasPrefix("[")
        let host = isBracketed ? place.dropFirst().prefix { $0 != "]" } : place.prefix { $0 != ":" }
        let rest = place[host.endIndex...].drop { $0 == "]" }
        return (user, String(host), rest.hasPrefix(":") ? Int(rest.dropFirst()) : nil)
    }

    private static func address(_ text: String) -> Address? {
        let url = text.contains("://") ? text : "http://\(text)"
        guard let authority = authority(of: url) else { return nil }
        let (user, host, port) = split(authority)
        guard !host.isEmpty else { return nil }
        let scheme = url.prefix { $0 != ":" }.lowercased()
        let isSOCKS = scheme.hasPrefix("socks")
        return Address(
            host: host, port: port ?? (isSOCKS ? 1080 : scheme == "https" ? 443 : 80),
            credentials: user.map { Secret(String(decoding: $0.percentDecodedBytes, as: UTF8.self)) }, isSOCKS: isSOCKS)
    }
}
