import FleetModel
import Testing

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        "it is undone where it is whole, and stands for itself elsewhere",
        arguments: [
            ("", ""), ("shop", "shop"), ("a%20b", "a b"), ("%5B::1%5D:3306", "[::1]:3306"), ("%e2%82%ac", "€"),
            ("100%", "100%"), ("%+f", "%+f"), ("%4", "%4"), ("%zz", "%zz"), ("%2525", "%25"), ("ü", "ü"),
        ])
    func decoding(encoded: String, plain: String) {
        #expect(encoded.percentDecoded == plain)
        #expect(encoded[...].percentDecodedBytes == Array(plain.utf8))
    }

    @Test("what is no UTF-8 is no text")
    func broken() {
        #expect("%ff".percentDecoded == nil)
        #expect("%ff".percentDecodedBytes == [0xFF])
    }
}
