import NIOCore

// The protocol's basic types (MySQL internals manual, "Basic Types"). Reading never traps: what is not there is a
// `malformed` error.

extension ByteBuffer {
    /// A fixed-length little-endian integer.
    mutating func readFixed<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws(MySQLWireError) -> T {
        guard let value = readInteger(endianness: .little, as: type) else { throw .truncated(what) }
        return value
    }

    /// A length-encoded integer.
    mutating func readLengthEncoded(_ what: String) throws(MySQLWireError) -> UInt64 {
        let first: UInt8 = try readFixed(UInt8.self, what)
        switch first {
        case 0...0xFA:
            return UInt64(first)
        case 0xFC:
            return UInt64(try readFixed(UInt16.self, what))
        case 0xFD:
            let low = try readFixed(UInt16.self, what)
            let high = try readFixed(UInt8.self, what)
            return UInt64(low) | UInt64(high) << 16
        case 0xFE:
            return try readFixed(UInt64.self, what)
        default:
            throw MySQLWireError(.malformed, "\(what): 0x\(String(first, radix: 16)) does not begin a length")
        }
    }

    /// The bytes of a length-encoded string.
    mutating func readLengthEncodedSlice(_ what: String) throws(MySQLWireError) -> ByteBuffer {
        let length = try readLengthEncoded(what)
        guard length <= UInt64(readableBytes), let slice = readSlice(length: Int(length)) else {
            throw .truncated(what)
        }
        return slice
    }

    /// A length-encoded string; bytes that are not UTF-8 are replaced.
    mutating func readLengthEncodedString(_ what: String) throws(MySQLWireError) -> String {
        String(buffer: try readLengthEncodedSlice(what))
    }

    /// The bytes up to a NUL, which is consumed.
    mutating func readNulTerminated(_ what: String) throws(MySQLWireError) -> ByteBuffer {
        guard let end = readableBytesView.firstIndex(of: 0),
            let slice = readSlice(length: end - readerIndex)
        else { throw .truncated(what) }
        moveReaderIndex(forwardBy: 1)
        return slice
    }

    /// Exactly `count` bytes.
    mutating func readExactly(_ count: Int, _ what: String) throws(MySQLWireError) -> ByteBuffer {
        guard let slice = readSlice(length: count) else { throw .truncated(what) }
        return slice
    }

    /// Writes a length-encoded integer.
    mutating func writeLengthEncoded(_ value: UInt64) {
        switch value {
        case 0...0xFA:
            writeInteger(UInt8(value))
        case 0xFB...0xFFFF:
            writeInteger(UInt8(0xFC))
            writeInteger(UInt16(value), endianness: .little)
        case 0x1_0000...0xFF_FFFF:
            writeInteger(UInt8(0xFD))
            writeInteger(UInt16(value & 0xFFFF), endianness: .little)
            writeInteger(UInt8(value >> 16))
        default:
            writeInteger(UInt8(0xFE))
            writeInteger(value, endianness: .little)
        }
    }

    /// Writes a length-encoded string.
    mutating func writeLengthEncoded(_ text: String) {
        writeLengthEncoded(UInt64(text.utf8.count))
        writeString(text)
    }

    /// Writes a string and a NUL.
    mutating func writeNulTerminated(_ text: String) {
        writeString(text)
        writeInteger(UInt8(0))
    }
}

extension MySQLWireError {
    /// Something ended before it should.
    static func truncated(_ what: String) -> MySQLWireError {
        MySQLWireError(.malformed, "\(what) is cut short")
    }
}
