package import NIOCore

/// Splits payloads into packets and joins packets into payloads.
///
/// A packet is a 3-byte length, a sequence number and at most 2^24−1 bytes; a payload of that many or more goes on in
/// the next packet (MySQL internals manual, "MySQL Packets").
package struct PacketFraming: Sendable {
    /// The largest packet body.
    package static let largestBody = 0xFF_FFFF

    /// The sequence number that the next packet in either direction must carry.
    package private(set) var nextSequence: UInt8 = 0
    private let maximumPayload: Int
    private var received = ByteBuffer()
    private var joined: ByteBuffer?

    /// Makes a framing that refuses payloads of more than `maximumPayload` bytes.
    package init(maximumPayload: Int) {
        self.maximumPayload = maximumPayload
    }

    /// Whether bytes were received that are not yet a whole payload.
    package var hasPartialPayload: Bool { received.readableBytes > 0 || joined != nil }

    /// Begins a new command: sequence numbers start at 0 again.
    package mutating func beginCommand() {
        nextSequence = 0
    }

    /// Takes bytes from the peer.
    package mutating func append(_ bytes: ByteBuffer) {
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.discardReadBytes()
            received.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole payload, or nil until more bytes come.
    /// - Throws: `malformed` on a wrong sequence number, `tooLarge` beyond the limit, as soon as the length is known.
    package mutating func next() throws(MySQLWireError) -> ByteBuffer? {
        while let header = received.getInteger(at: received.readerIndex, endianness: .little, as: UInt32.self) {
            let length = Int(header & 0xFF_FFFF)
            let sequence = UInt8(header >> 24)
            guard length + (joined?.readableBytes ?? 0) <= maximumPayload else {
                throw MySQLWireError(.tooLarge, "a payload has more than the \(maximumPayload) bytes allowed")
            }
            guard sequence == nextSequence else {
                throw MySQLWireError(
                    .malformed, "packet number \(sequence) came where \(nextSequence) was due")
            }
            guard received.readableBytes >= 4 + length else { return nil }
            received.moveReaderIndex(forwardBy: 4)
            nextSequence &+= 1
            guard let body = received.readSlice(length: length) else { return nil }
            if length == Self.largestBody {
                append(joining: body)
            } else if joined != nil {
                append(joining: body)
                defer { joined = nil }
                return joined
            } else {
                return body
            }
        }
        return nil
    }

    private mutating func append(joining body: ByteBuffer) {
        var whole = joined ?? ByteBuffer()
        joined = nil
        whole.writeImmutableBuffer(body)
        joined = whole
    }

    /// Writes `payload` as one or more packets.
    package mutating func write(_ payload: ByteBuffer, into out: inout ByteBuffer) {
        var rest = payload
        while true {
            let length = min(rest.readableBytes, Self.largestBody)
            out.writeInteger(UInt32(length) | UInt32(nextSequence) << 24, endianness: .little)
            nextSequence &+= 1
            if var body = rest.readSlice(length: length) { out.writeBuffer(&body) }
            if length < Self.largestBody { return }
        }
    }
}
