/// One thing that is wrong with a policy.
package struct PolicyProblem: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The field, for example `metrics[0].scaleOut.threshold`; empty for the whole.
    package var field: String
    /// What is wrong and what would be right.
    package var message: String

    /// Names a problem.
    package init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }

    package var description: String { field.isEmpty ? message : "\(field): \(message)" }
}

/// Everything that is wrong with a policy, at once.
package struct PolicyProblems: Error, Hashable, Sendable, CustomStringConvertible {
    /// One or more problems, in the order of the document.
    package var problems: [PolicyProblem]

    /// Gathers problems.
    package init(problems: [PolicyProblem]) {
        self.problems = problems
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

extension ScalingPolicy {
    private static let strictKey = CodingUserInfoKey(rawValue: "drover.strict-policy")

    /// The `userInfo` of a decoder that reads what people write: unknown keys and values out of range are refused.
    /// Without it, what was stored is read leniently, so that an older Drover can read what a newer one wrote.
    package static var strictReading: [CodingUserInfoKey: any Sendable] {
        strictKey.map { [$0: true] } ?? [:]
    }

    static func isStrict(_ decoder: any Decoder) -> Bool {
        strictKey.flatMap { decoder.userInfo[$0] as? Bool } ?? false
    }
}

/// A key of a policy document.
struct PolicyKey: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
    init(stringLiteral value: String) { stringValue = value }
}

/// Reads one object of a policy document and goes on after a value that cannot be read, so that one run tells all.
struct PolicyReader {
    private let container: KeyedDecodingContainer<PolicyKey>
    private let isStrict: Bool
    private var known: Set<String> = []
    private(set) var problems: [PolicyProblem] = []

    init(_ decoder: any Decoder) throws {
        isStrict = ScalingPolicy.isStrict(decoder)
        container = try decoder.container(keyedBy: PolicyKey.self)
    }

    func contains(_ key: PolicyKey) -> Bool {
        container.contains(key) && (try? container.decodeNil(forKey: key)) != true
    }

    /// The value under `key`; nil when it is absent, null, or cannot be read, which is noted.
    mutating func optional<Value: Decodable>(_ key: PolicyKey, _ expected: String) -> Value? {
        known.insert(key.stringValue)
        guard contains(key) else { return nil }
        do {
            return try container.decode(Attempt<Value>.self, forKey: key).value(key.stringValue)
        } catch let error as PolicyProblems {
            problems += error.problems.map { problem in
                problem.message.isEmpty ? PolicyProblem(problem.field, "must be \(expected)") : problem
            }
        } catch {
            problems.append(PolicyProblem(key.stringValue, "must be \(expected)"))
        }
        return nil
    }

    mutating func required<Value: Decodable>(_ key: PolicyKey, _ expected: String, _ fallback: Value) -> Value {
        if !contains(key) { note(key, "is missing; it must be \(expected)") }
        return optional(key, expected) ?? fallback
    }

    /// Beyond any range that a policy has, a number is as wrong as it is near; counting with it must neither overflow nor
    /// take long.
    mutating func integer(_ key: PolicyKey) -> Int? {
        let number: Int? = optional(key, "a whole number")
        return number?.clamped(to: -1...1_000_000)
    }

    mutating func required(_ key: PolicyKey, _ expected: String, _ fallback: Int) -> Int {
        if !contains(key) { note(key, "is missing; it must be \(expected)") }
        return integer(key) ?? fallback
    }

    mutating func number(_ key: PolicyKey) -> Double? { optional(key, "a number") }

    mutating func text(_ key: PolicyKey) -> String? { optional(key, "a text") }

    mutating func flag(_ key: PolicyKey) -> Bool? { optional(key, "true or false") }

    mutating func list<Value: Decodable>(_ key: PolicyKey) -> [Value] {
        let attempts: [Attempt<Value>] = optional(key, "a list") ?? []
        return attempts.enumerated().compactMap { index, attempt in
            do throws(PolicyProblems) {
                return try attempt.value("\(key.stringValue)[\(index)]")
            } catch {
                problems += error.problems.map {
                    $0.message.isEmpty ? PolicyProblem($0.field, "must be an object") : $0
                }
                return nil
            }
        }
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ key: PolicyKey, _ fallback: Value
    ) -> Value where Value.RawValue == String {
        guard let word = text(key) else { return fallback }
        if let value = Value(rawValue: word) { return value }
        let words = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        note(key, "is \"\(word)\" and must be one of \(words)")
        return fallback
    }

    /// Seconds, whole or not; `old` is the key under which earlier versions stored a `Duration`.
    mutating func seconds(_ key: PolicyKey, old: PolicyKey? = nil) -> Duration? {
        if !isStrict, !contains(key), let old {
            let stored = try? container.decodeIfPresent(Duration.self, forKey: old)
            return stored.map { min(max($0, .seconds(-1_000_000_000)), .seconds(1_000_000_000)) }
        }
        guard let seconds = number(key) else { return nil }
        guard abs(seconds) <= 1e9 else {
            note(key, "must be a number of seconds up to 1,000,000,000")
            return nil
        }
        return .milliseconds(Int64((seconds * 1_000).rounded()))
    }

    /// An RFC 3339 text.
    mutating func moment(_ key: PolicyKey) -> Timestamp? {
        guard let word = text(key) else { return nil }
        guard let moment = Timestamp(rfc3339: word) else {
            note(key, "is \"\(word)\" and must be a time such as 2026-12-24T18:00:00Z")
            return nil
        }
        return moment
    }

    mutating func note(_ key: PolicyKey, _ message: String) {
        problems.append(PolicyProblem(key.stringValue, message))
    }

    /// What was noted and, reading strictly, the keys that nobody asked for.
    var findings: [PolicyProblem] {
        guard isStrict else { return problems }
        let words = known.sorted().joined(separator: ", ")
        return problems
            + container.allKeys.map(\.stringValue).filter { !known.contains($0) }.sorted().map {
                PolicyProblem($0, "is not a key that is known here; known are \(words)")
            }
    }

    /// Ends the object.
    /// - Throws: `PolicyProblems` when there are findings.
    func finish() throws(PolicyProblems) {
        let findings = findings
        guard findings.isEmpty else { throw PolicyProblems(problems: findings) }
    }
}

/// Decodes a value without throwing, so that the values beside it are read as well.
struct Attempt<Value: Decodable>: Decodable {
    private let result: Result<Value, PolicyProblems>

    init(from decoder: any Decoder) throws {
        do {
            result = .success(try decoder.singleValueContainer().decode(Value.self))
        } catch let error as PolicyProblems {
            result = .failure(error)
        } catch {
            result = .failure(PolicyProblems(problems: [PolicyProblem("", "")]))
        }
    }

    /// The value, or its problems with `field` before their own fields.
    func value(_ field: String) throws(PolicyProblems) -> Value {
        try result.mapError { error in
            PolicyProblems(
                problems: error.problems.map { problem in
                    let joint = problem.field.isEmpty || problem.field.hasPrefix("[") ? "" : "."
                    return PolicyProblem(field + joint + problem.field, problem.message)
                })
        }.get()
    }
}

/// Writes one object of a policy document; what has its default value is left out.
struct PolicyWriter {
    var container: KeyedEncodingContainer<PolicyKey>

    init(_ encoder: any Encoder) {
        container = encoder.container(keyedBy: PolicyKey.self)
    }

    mutating func write(_ key: PolicyKey, _ value: (some Encodable)?) throws {
        try container.encodeIfPresent(value, forKey: key)
    }

    mutating func write<Value: Encodable>(_ key: PolicyKey, _ list: [Value]) throws {
        if !list.isEmpty { try container.encode(list, forKey: key) }
    }

    mutating func seconds(_ key: PolicyKey, _ duration: Duration, unless fallback: Duration? = nil) throws {
        guard duration != fallback else { return }
        let milliseconds = duration.wholeMilliseconds
        if milliseconds % 1_000 == 0 {
            try container.encode(milliseconds / 1_000, forKey: key)
        } else {
            try container.encode(Double(milliseconds) / 1_000, forKey: key)
        }
    }

    mutating func moment(_ key: PolicyKey, _ moment: Timestamp) throws {
        try container.encode(moment.rfc3339, forKey: key)
    }
}
