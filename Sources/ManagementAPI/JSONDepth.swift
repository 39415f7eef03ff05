#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How deeply a JSON text is nested, found without reading it: decoding costs more than linear time by depth.
enum JSONDepth {
    /// Deeper texts are refused; no document of the API has half of it.
    static let maximum = 32

    /// The deepest level of objects and lists; `maximum + 1` as soon as it is more than that.
    static func of(_ text: Data) -> Int {
        var depth = 0
        var deepest = 0
        var isQuoted = false
        var isEscaped = false
        for byte in text {
            if isQuoted {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isQuoted = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                deepest = max(deepest, depth)
                if deepest > maximum { return deepest }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: continue
            }
        }
        return deepest
    }
}
