import CZlib

/// Compresses a stream of bytes into one gzip member (RFC 1952).
final class GzipStream {
    private var stream = z_stream()
    private var isOpen = false
    private var block = [UInt8](repeating: 0, count: 64 << 10)

    /// - Throws: `DigestError` when there is no memory for the compressor.
    init() throws(DigestError) {
        // 15 bits of window, and 16 more to ask for gzip's header and trailer (zlib manual, "deflateInit2").
        let code = deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else {
            throw DigestError(.unwritable, "zlib could not begin to compress (code \(code))")
        }
        isOpen = true
    }

    deinit {
        if isOpen { deflateEnd(&stream) }
    }

    /// Takes `input` and hands what is compressed to `emit`; with `isLast` everything that is left, and the trailer.
    func compress(
        _ input: [UInt8], isLast: Bool, emit: (ArraySlice<UInt8>) throws(DigestError) -> Void
    ) throws(DigestError) {
        var input = input
        var position = 0
        var isDone = false
        while !isDone {
            let remaining = input.count - position
            let (code, taken, made) = step(&input, position, remaining, isLast ? Z_FINISH : Z_NO_FLUSH)
            guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                throw DigestError(.unwritable, "zlib could not compress (code \(code))")
            }
            position += taken
            if made > 0 { try emit(block[..<made]) }
            isDone = isLast ? code == Z_STREAM_END : position == input.count && made < block.count
        }
    }

    private func step(
        _ input: inout [UInt8], _ position: Int, _ remaining: Int, _ flush: Int32
    ) -> (code: Int32, taken: Int, made: Int) {
        input.withUnsafeMutableBufferPointer { source in
            block.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress.map { $0 + position }
                stream.avail_in = UInt32(remaining)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                let code = deflate(&stream, flush)
                return (code, remaining - Int(stream.avail_in), target.count - Int(stream.avail_out))
            }
        }
    }
}
