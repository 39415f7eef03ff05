import Foundation
import JSONValues
import Testing

struct JSONValueTests {
    private func read(_ text: String) throws -> JSONValue { try JSONValue(Data(text.utf8)) }
    private func text(_ value: JSONValue) -> String { String(decoding: value.bytes(), as: UTF8.self) }

    @Test(
        "A document is written as it was read",
        arguments: [
            "null", "true", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "0.1", "1.5e-07",
            #""a\"/ü""#, "[]", "{}", #"{"a":[1,{"b":null}],"c":"x"}"#,
        ])
    func roundTrip(_ document: String) throws {
        #expect(text(try read(document)) == document)
    }

    @Test("A number is the same however it is written")
    func numbers() throws {
        #expect(try read("3.0") == 3)
        #expect(try read("3e0") == 3)
        #expect(try read("3").number == 3)
        #expect(try read("0.5").number == 0.5)
        #expect(try read("0.5").integer == nil)
        #expect(try read(#""3""#).number == nil)
    }

    @Test("A merge patch does what RFC 7396's examples say")
    func mergePatches() throws {
        let cases = [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"{"a":"foo"}"#, "null", "null"),
            (#"{"e":null}"#, #"{"a":1}"#, #"{"a":1,"e":null}"#), ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
            ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        ]
        for (document, patch, result) in cases {
            #expect(text(try read(document).merging(try read(patch))) == result)
        }
    }

    @Test("A path reads null where nothing is, makes objects on the way, and removes")
    func paths() {
        var value: JSONValue = ["a": ["b": 1]]
        #expect(value[at: "a", "b"] == 1)
        #expect(value[at: "a", "x", "y"] == .null)
        value[at: "a", "x", "y"] = .null
        #expect(value == ["a": ["b": 1]])
        value[at: "a", "x", "y"] = "z"
        #expect(value == ["a": ["b": 1, "x": ["y": "z"]]])
        value[at: "a", "b"] = .null
        #expect(value == ["a": ["x": ["y": "z"]]])
        value["a"] = .null
        #expect(value == ["a": .null])
        value["a"] = nil
        #expect(value == [:])
    }

    @Test("A document deeper than 512 levels is refused")
    func depth() {
        #expect(throws: (any Error).self) {
            try read(String(repeating: "[", count: 600) + String(repeating: "]", count: 600))
        }
    }
}
