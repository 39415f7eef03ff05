/// The checksum by which Cloud KMS tells whether what arrived is what was sent: CRC-32 with Castagnoli's polynomial
/// (RFC 3720, section 12.1; Cloud KMS documentation, "Verifying end-to-end data integrity").
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { start in
        (0..<8).reduce(UInt32(start)) { rest, _ in rest & 1 == 1 ? (rest >> 1) ^ 0x82F6_3B78 : rest >> 1 }
    }

    /// The checksum of `bytes`.
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { rest, byte in (rest >> 8) ^ table[Int((rest ^ UInt32(byte)) & 0xFF)] }
    }

    /// Whether `bytes` have the checksum that an answer carried, as Google writes 64-bit integers in JSON: as a text.
    /// Without one there is nothing to compare.
    static func agrees(_ bytes: some Sequence<UInt8>, with text: String?) -> Bool {
        text.map { $0 == String(checksum(bytes)) } ?? true
    }
}
