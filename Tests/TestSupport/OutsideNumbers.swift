/// Whole numbers that somebody outside may name, over their full range; the same seed gives the same ones.
package struct OutsideNumbers: Sendable {
    private var random: SeededGenerator

    /// The bounds of each width and what lies beside them.
    package static let extremes: [Int64] = [
        .min, .min + 1, .min / 1_000 - 1, .min / 1_000, -62_167_219_201, -1 << 53, -1 << 32, -1 << 31, -1_000_000, -1,
        0, 1,
        2, 999, 1_000, 65_535, 65_536, 1_000_000, (1 << 31) - 1, 1 << 31, 1 << 32, 253_402_300_800, 1 << 53,
        (1 << 53) + 1,
        .max / 1_000, .max / 1_000 + 1, .max - 1, .max,
    ]

    /// Begins at `seed`.
    package init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    /// The next one: an extreme, or one of any size.
    package mutating func next() -> Int64 {
        if random.isOnce(in: 3) {
            return Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random)
        }
        return Self.extremes[Int.random(in: 0..<Self.extremes.count, using: &random)]
    }

    /// `json` with one number in `times` replaced; texts stay.
    package mutating func replacing(oneIn times: Int, of json: String) -> String {
        var result = ""
        var number = ""
        var isText = false
        var isEscaped = false
        for character in json {
            if !isText, character.isNumber || character == "-" || (!number.isEmpty && ".eE+".contains(character)) {
                number.append(character)
                continue
            }
            if !number.isEmpty {
                result += random.isOnce(in: times) ? "\(next())" : number
                number = ""
            }
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = isText
            } else if character == "\"" {
                isText.toggle()
            }
            result.append(character)
        }
        return result + number
    }
}
