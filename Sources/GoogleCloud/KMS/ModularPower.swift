/// Powers modulo a large odd number, by Montgomery's multiplication (P. L. Montgomery, "Modular Multiplication Without
/// Trial Division", 1985; the loop is "CIOS" of Koç, Acar and Kaliski, 1996).
///
/// It is here because swift-crypto encrypts by OAEP with SHA-1 and SHA-256 only, and Chester's keys want SHA-512. What
/// is done depends on no secret but the base, and no branch and no index on that.
struct ModularPower {
    private let modulus: [UInt32]
    /// -modulus⁻¹ modulo 2³².
    private let inverse: UInt32
    /// (2³²)^(2k) modulo the modulus, where k is its number of limbs.
    private let square: [UInt32]

    /// Takes the modulus as big-endian bytes; nil when it is even or nothing.
    init?(modulus bytes: some Collection<UInt8>) {
        let limbs = Self.limbs(bytes)
        guard let lowest = limbs.first, lowest & 1 == 1, limbs.count > 1 else { return nil }
        modulus = limbs
        var inverse: UInt32 = 1
        // Newton's iteration doubles the number of right bits each time.
        for _ in 0..<5 { inverse = inverse &* (2 &- lowest &* inverse) }
        self.inverse = 0 &- inverse
        var value = [UInt32](repeating: 0, count: limbs.count)
        value[0] = 1
        for _ in 0..<(64 * limbs.count) {
            let carry = Self.double(&value)
            Self.reduce(&value, carry, limbs)
        }
        square = value
    }

    /// `base` to the power `exponent`, both as big-endian bytes, as many bytes as the modulus has; `base` must be less
    /// than the modulus.
    func power(_ base: some Collection<UInt8>, _ exponent: some Collection<UInt8>) -> [UInt8] {
        var padded = Self.limbs(base)
        padded += [UInt32](repeating: 0, count: max(modulus.count - padded.count, 0))
        let factor = product(Array(padded.prefix(modulus.count)), square)
        var one = [UInt32](repeating: 0, count: modulus.count)
        one[0] = 1
        var result = product(one, square)
        for byte in exponent {
            for bit in (0..<8).reversed() {
                result = product(result, result)
                // The exponent is public.
                if byte >> UInt8(bit) & 1 == 1 { result = product(result, factor) }
            }
        }
        return product(result, one).reversed().flatMap { limb in
            [UInt8(limb >> 24), UInt8(limb >> 16 & 0xFF), UInt8(limb >> 8 & 0xFF), UInt8(limb & 0xFF)]
        }
    }

    /// left · right · (2³²)⁻ᵏ modulo the modulus.
    private func product(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
        let count = modulus.count
        var sum = [UInt32](repeating: 0, count: count + 2)
        for factor in left {
            var carry: UInt64 = 0
            for index in 0..<count {
                let value = UInt64(sum[index]) + UInt64(factor) * UInt64(right[index]) + carry
                sum[index] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            var top = UInt64(sum[count]) + carry
            sum[count] = UInt32(truncatingIfNeeded: top)
            sum[count + 1] = UInt32(truncatingIfNeeded: top >> 32)
            let multiple = UInt64(sum[0] &* inverse)
            carry = (UInt64(sum[0]) + multiple * UInt64(modulus[0])) >> 32
            for index in 1..<count {
                let value = UInt64(sum[index]) + multiple * UInt64(modulus[index]) + carry
                sum[index - 1] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            top = UInt64(sum[count]) + carry
            sum[count - 1] = UInt32(truncatingIfNeeded: top)
            sum[count] = sum[count + 1] &+ UInt32(truncatingIfNeeded: top >> 32)
        }
        var result = Array(sum.prefix(count))
        Self.reduce(&result, sum[count], modulus)
        return result
    }

    private static func double(_ value: inout [UInt32]) -> UInt32 {
        var carry: UInt32 = 0
        for index in value.indices {
            let next = value[index] >> 31
            value[index] = value[index] << 1 | carry
            carry = next
        }
        return carry
    }

    /// Subtracts the modulus once, if `value`, with `carry` above it, is not less.
    private static func reduce(_ value: inout [UInt32], _ carry: UInt32, _ modulus: [UInt32]) {
        var difference = value
        var borrow: UInt64 = 0
        for index in value.indices {
            let result = UInt64(value[index]) &- UInt64(modulus[index]) &- borrow
            difference[index] = UInt32(truncatingIfNeeded: result)
            borrow = result >> 63
        }
        let keeps = 0 &- UInt32(truncatingIfNeeded: borrow & UInt64(1 &- carry))
        for index in value.indices { value[index] = value[index] & keeps | difference[index] & ~keeps }
    }

    /// Little-endian limbs of big-endian bytes.
    private static func limbs(_ bytes: some Collection<UInt8>) -> [UInt32] {
        var limbs: [UInt32] = []
        for (index, byte) in bytes.drop(while: { $0 == 0 }).reversed().enumerated() {
            if index % 4 == 0 { limbs.append(0) }
            limbs[index / 4] |= UInt32(byte) << UInt32(index % 4 * 8)
        }
        return limbs
    }
}
