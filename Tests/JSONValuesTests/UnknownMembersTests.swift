import Foundation
import JSONValues
import Testing

@Suite("Members that this version does not know")
struct UnknownMembersTests {
    private func kept(_ new: String, _ stored: String, _ known: String) throws -> JSONValue {
        try JSONValue(
            UnknownMembers.kept(in: Data(new.utf8), from: Data(stored.utf8), readAs: Data(known.utf8)))
    }

    @Test("they stay, at every level of objects, and what is known is changed and removed as before")
    func objects() throws {
        let result = try kept(
            #"{"a":2,"in":{"x":1},"new":1}"#,
            #"{"a":1,"gone":{"later":1},"later":[1,{"b":2}],"in":{"x":0,"later":null},"removed":{"later":2}}"#,
            #"{"a":1,"gone":{},"in":{"x":0},"removed":{}}"#)
        #expect(result == ["a": 2, "in": ["x": 1, "later": .null], "new": 1, "later": [1, ["b": 2]]])
    }

    @Test("elements of a list keep theirs by id, name or user name, or else when they are unchanged")
    func lists() throws {
        let result = try kept(
            #"{"l":[{"name":"c","v":9},{"name":"a","v":2}],"u":[{"v":1},{"v":3}],"h":[{"name":"a","hostgroup":10}]}"#,
            #"{"l":[{"name":"a","v":1,"z":"A"},{"name":"b","v":1,"z":"B"},{"name":"c","v":1,"z":"C"}],"#
                + #""u":[{"v":1,"z":1},{"v":2,"z":2}],"#
                + #""h":[{"name":"a","hostgroup":5,"z":5},{"name":"a","hostgroup":10,"z":10}]}"#,
            #"{"l":[{"name":"a","v":1},{"name":"b","v":1},{"name":"c","v":1}],"u":[{"v":1},{"v":2}],"#
                + #""h":[{"name":"a","hostgroup":5},{"name":"a","hostgroup":10}]}"#)
        #expect(
            result == [
                "l": [["name": "c", "v": 9, "z": "C"], ["name": "a", "v": 2, "z": "A"]],
                "u": [["v": 1, "z": 1], ["v": 3]], "h": [["name": "a", "hostgroup": 10, "z": 10]],
            ])
    }

    @Test("a document without any is written as it is")
    func nothing() throws {
        let new = Data(#"{"b":1, "a":2}"#.utf8)
        let stored = Data(#"{"a":1}"#.utf8)
        #expect(UnknownMembers.kept(in: new, from: stored, readAs: stored) == new)
        #expect(UnknownMembers.kept(in: new, from: Data("no JSON".utf8), readAs: stored) == new)
    }
}
