/// Which proxy a host is reached through, by the variables that curl and Google's own clients read: `HTTPS_PROXY`,
/// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, also in lower case.
struct ProxyEnvironment: Hashable, Sendable {
    /// A proxy's address.
    struct Address: Hashable, Sendable {
        var host: String
        var port: Int
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
        let isException = exceptions.contains { exception in
            let suffix = exception.hasPrefix("*") ? String(exception.dropFirst()) : exception
            if suffix.isEmpty { return true }
            let bare = suffix.hasPrefix(".") ? String(suffix.dropFirst()) : suffix
            return host == bare || host.hasSuffix(".\(bare)")
        }
        return isException ? nil : address
    }

    /// The host in a URL.
    static func host(of url: String) -> String? {
        guard let scheme = url.firstRange(of: "://") else { return nil }
        let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let afterUser = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        if afterUser.hasPrefix("[") { return String(afterUser.dropFirst().prefix { $0 != "]" }) }
        return String(afterUser.prefix { $0 != ":" })
    }

    private static func address(_ text: String) -> Address? {
        let url = text.contains("://") ? text : "http://\(text)"
        guard let host = host(of: url), !host.isEmpty else { return nil }
        let authority = url.dropFirst(
            url.firstRange(of: "://").map { url.distance(from: url.startIndex, to: $0.upperBound) } ?? 0
        )
        .prefix { !"/?#".contains($0) }
        let port = authority.lastIndex(of: ":").flatMap { Int(authority[authority.index(after: $0)...]) }
        return Address(host: host, port: port ?? (url.hasPrefix("https://") ? 443 : 80))
    }
}
