import Foundations
package import JSONValues

/// `databases.yaml`: the groups that there should be, under `databases`, each as the API takes it. A user's password
/// may stand there as `passwordEnv` (an environment variable) or `passwordFile`; without one it stays as it is.
package struct DatabaseFile: Sendable {
    /// The groups by name, in the order of the file.
    package var groups: [(name: String, document: JSONValue)]

    /// Reads `text` (YAML, and so JSON too).
    /// - Throws: `ControlError.unusableInput`.
    package init(_ text: String, environment: [String: String]) throws(ControlError) {
        let document = try YAMLText.read(text)
        guard case .array(let elements) = document["databases"] ?? document else {
            throw ControlError(.unusableInput, "there must be a list \"databases\"")
        }
        groups = []
        for (index, element) in elements.enumerated() {
            guard let name = element["name"]?.string else {
                throw ControlError(.unusableInput, "databases[\(index)] must have a name")
            }
            guard !groups.contains(where: { $0.name == name }) else {
                throw ControlError(.unusableInput, "the database \(name) stands there twice")
            }
            groups.append((name, try Self.resolved(element, "databases[\(index)]", environment)))
        }
    }

    private static func resolved(
        _ group: JSONValue, _ place: String, _ environment: [String: String]
    ) throws(ControlError) -> JSONValue {
        var members = group.members
        guard case .array(let users)? = members["users"] else { return group }
        var resolved: [JSONValue] = []
        for (index, user) in users.enumerated() {
            var user = user.members
            let place = "\(place).users[\(index)]"
            if let variable = user.removeValue(forKey: "passwordEnv")?.string {
                guard let password = environment[variable] else {
                    throw ControlError(
                        .unusableInput, "\(place): the environment variable \(ShownText.variable(variable)) is not set")
                }
                user["password"] = .string(password)
            }
            if let path = user.removeValue(forKey: "passwordFile")?.string {
                do throws(UnusableFile) {
                    user["password"] = .string(OutsideText.firstLine(try InputFile.existingText(path)))
                } catch {
                    throw ControlError(.unusableInput, "\(place): the file \(path) cannot be read: \(error)")
                }
            }
            resolved.append(.object(user))
        }
        members["users"] = .array(resolved)
        return .object(members)
    }
}
