/// Why a command could not do what it was asked, and with what it exits.
package struct ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a script learns from the exit code.
    package enum Kind: Hashable, Sendable {
        /// The API refused it, or something failed.
        case failed
        /// There are differences and they were not applied.
        case differs
        /// The input cannot be used.
        case unusableInput
        /// The API cannot be reached.
        case unreachable
        /// The API does not let the caller in.
        case notAllowed
    }

    /// What a script learns.
    package var kind: Kind
    /// What was attempted, what went wrong, and what to do.
    package var description: String

    /// Makes an error.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
