/// What client and server can do, as both state it in the handshake
/// (MySQL internals manual, "Capabilities Flags").
package struct CapabilityFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Long passwords: always set.
    package static let longPassword = CapabilityFlags(rawValue: 1 << 0)
    /// The response names a database.
    package static let connectWithDatabase = CapabilityFlags(rawValue: 1 << 3)
    /// The 4.1 protocol; nothing older is spoken here.
    package static let protocol41 = CapabilityFlags(rawValue: 1 << 9)
    /// TLS.
    package static let tls = CapabilityFlags(rawValue: 1 << 11)
    /// Status flags in OK packets.
    package static let transactions = CapabilityFlags(rawValue: 1 << 13)
    /// Authentication data beyond 8 bytes.
    package static let secureConnection = CapabilityFlags(rawValue: 1 << 15)
    /// Authentication by named plugin.
    package static let pluginAuthentication = CapabilityFlags(rawValue: 1 << 19)
    /// Connection attributes in the response.
    package static let connectAttributes = CapabilityFlags(rawValue: 1 << 20)
    /// Authentication data with a length-encoded length.
    package static let lengthEncodedAuthentication = CapabilityFlags(rawValue: 1 << 21)
    /// OK in the place of EOF.
    package static let deprecateEOF = CapabilityFlags(rawValue: 1 << 24)
}
