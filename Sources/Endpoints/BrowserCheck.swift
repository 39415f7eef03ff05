package import HTTPTypes

/// Tells a request that a page of another site may have made a browser send: browsers send credentials along, whoever
/// asked for the request.
package struct BrowserCheck: Hashable, Sendable {
    /// Under which names a server may be called.
    package enum Hosts: Hashable, Sendable {
        /// Under any: credentials prove who calls, and a page of another name has none.
        case any
        /// Under the names of this machine only, and `allowedHosts`: nobody proves anything, and a page whose name
        /// suddenly leads here (DNS rebinding) would be this server's own to a browser.
        case loopback
    }

    /// Why a request is refused, as a sentence without a full stop.
    package struct Objection: Error, Hashable, Sendable, CustomStringConvertible {
        /// The sentence.
        package var description: String
    }

    /// Under which names the server may be called.
    package var hosts: Hosts
    /// Further names, `host` or `host:port`; pages of theirs may write too. A name alone stands for ports 80 and 443.
    package var allowedHosts: [String]
    /// Whether this server itself speaks TLS, so that a page that came without it is another one's.
    package var speaksTLS: Bool

    /// Makes a check; without arguments for a server that asks for credentials.
    package init(hosts: Hosts = .any, allowedHosts: [String] = [], speaksTLS: Bool = false) {
        self.hosts = hosts
        self.allowedHosts = allowedHosts.map { $0.lowercased() }
        self.speaksTLS = speaksTLS
    }

    /// Looks at the head of a request.
    /// - Throws: an objection where a page of another site may have caused it.
    package func check(_ request: HTTPRequest) throws(Objection) {
        if hosts == .loopback, let host = request.authority.flatMap({ Authority($0) }), !isOurs(host) {
            throw Objection(
                description: "\(host.name) is not a name of this server: without authentication it answers to names of "
                    + "this machine, and to those in api.allowed-hosts")
        }
        guard request.method != .get, request.method != .head else { return }
        if ["cross-site", "same-site"].contains(request.headerFields[Self.site]) {
            throw Objection(description: "a page from elsewhere asked for this")
        }
        let origins = request.headerFields[values: Self.origin]
        for origin in origins where !isOwn(origin, request.authority) {
            throw Objection(description: "a page of another origin asked for this")
        }
    }

    /// Whether a browser sent it, as far as its headers tell.
    package static func isFromBrowser(_ headers: HTTPFields) -> Bool {
        headers.contains { field in
            field.name == origin || field.name == .referer || field.name == .cookie
                || field.name.canonicalName.hasPrefix("sec-fetch-")
                || (field.name == .userAgent && field.value.hasPrefix("Mozilla/"))
        }
    }

    // MARK: Names

    private static let site = HTTPField.Name("Sec-Fetch-Site") ?? .referer
    private static let origin = HTTPField.Name("Origin") ?? .referer

    private struct Authority {
        var name: String
        var port: Int?

        /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
        init?(_ text: String) {
            let text = text.lowercased()
            if text.hasPrefix("[") {
                guard let end = text.firstIndex(of: "]") else { return nil }
                name = String(text[text.index(after: text.startIndex)..<end])
                let rest = text[text.index(after: end)...]
                guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
                port = Int(rest.dropFirst())
                guard rest.isEmpty || port != nil else { return nil }
            } else {
                let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                name = String(parts[0])
                port = parts.count == 2 ? Int(parts[1]) : nil
                guard !name.isEmpty, parts.count == 1 || port != nil else { return nil }
            }
            // The root's dot names the same host.
            if name.hasSuffix("."), name.count > 1 { name.removeLast() }
        }

        var isLoopback: Bool {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            let isFour = parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
            return isFour || name == "::1" || name == "localhost" || name.hasSuffix(".localhost")
        }
    }

    private func isOurs(_ host: Authority) -> Bool {
        host.isLoopback || allowedHosts.contains(host.name) || allowedHosts.contains("\(host.name):\(host.port ?? 80)")
    }

    /// Whether `origin` (RFC 6454: scheme, host and port, or null) is the server that `authority` names.
    private func isOwn(_ origin: String, _ authority: String?) -> Bool {
        let secure: Bool
        let rest: Substring
        if origin.lowercased().hasPrefix("https://") {
            (secure, rest) = (true, origin.dropFirst("https://".count))
        } else if origin.lowercased().hasPrefix("http://") {
            (secure, rest) = (false, origin.dropFirst("http://".count))
        } else {
            return false
        }
        guard secure || !speaksTLS, let page = Authority(String(rest)) else { return false }
        let usual = secure ? 443 : 80
        let port = page.port ?? usual
        if let host = authority.flatMap({ Authority($0) }), host.name == page.name,
            // Where a proxy speaks TLS for this server, the port that Host does not name is the page's.
            host.port ?? usual == port
        {
            return true
        }
        return allowedHosts.contains("\(page.name):\(port)") || (port == usual && allowedHosts.contains(page.name))
    }
}
