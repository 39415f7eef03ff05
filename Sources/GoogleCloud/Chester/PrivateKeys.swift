import FleetModel

extension PasswordVault {
    /// RSA-OAEP with the smallest key and largest hash that Cloud KMS offers takes this many bytes at once
    /// (RFC 8017, section 7.1.1: 256 - 2 * 32 - 2, and 512 - 2 * 64 - 2 for the usual key).
    private static var pieceBytes: Int { 190 }

    /// A text that is longer than a password, piece by piece; the vault remembers each.
    func sealLong(_ text: Secret, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        var rest = Array(text.reveal().utf8)[...]
        var pieces: [String] = []
        while !rest.isEmpty {
            // PEM is ASCII, so that a piece of it is a text too.
            let piece = String(decoding: rest.prefix(Self.pieceBytes), as: UTF8.self)
            pieces.append(try await seal(Secret(piece), with: key))
            rest = rest.dropFirst(Self.pieceBytes)
        }
        return Secret(pieces.joined(separator: "."))
    }

    /// The text that `sealLong` sealed.
    func openLong(_ sealed: Secret, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        var text = ""
        for piece in sealed.reveal().split(separator: ".") { text += try await open(String(piece), with: key).reveal() }
        return Secret(text)
    }
}

extension GroupRecord {
    /// Puts what `change` makes of it in the place of each private key of the group's client certificates.
    mutating func changeKeys(_ change: (Secret) async throws(StoreError) -> Secret) async throws(StoreError) {
        for index in (configuration.tls ?? []).indices {
            guard let present = configuration.tls?[index].identity?.key else { continue }
            configuration.tls?[index].identity?.key = try await change(present)
        }
        for name in (trust?.backends ?? [:]).keys.sorted() {
            guard let present = trust?.backends[name]?.identity?.key else { continue }
            trust?.backends[name]?.identity?.key = try await change(present)
        }
    }
}
