/// The wish to remove a group, durable before anything is withdrawn; the scaler's worker finishes it.
package struct GroupRemoval: Hashable, Codable, Sendable {
    /// When it was asked for.
    package var requestedAt: Timestamp
    /// Whether the managed replicas are to be drained and deleted; otherwise there were none.
    package var deletesReplicas: Bool

    /// Makes the wish.
    package init(requestedAt: Timestamp, deletesReplicas: Bool) {
        self.requestedAt = requestedAt
        self.deletesReplicas = deletesReplicas
    }
}

/// Key material that Chester's clients store with a database; nothing is done with it, as in Chester.
package struct TLSMaterial: Hashable, Codable, Sendable {
    /// The private key, PEM.
    package var key: Secret?
    /// The certificate, PEM.
    package var certificate: String?
    /// The certificate authority, PEM.
    package var authority: String?

    /// Makes material; nil where the client sent none.
    package init(key: Secret? = nil, certificate: String? = nil, authority: String? = nil) {
        self.key = key
        self.certificate = certificate
        self.authority = authority
    }

    /// Whether there is nothing in it.
    package var isEmpty: Bool { key == nil && certificate == nil && authority == nil }
}
