/// Why a command could not do what it was asked, and with what it exits.
package struct ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a script learns from the exit code.
    package enum Kind: Int32, Hashable, Sendable {
        /// The API refused it, or something failed.
        case failed = 1
        /// There are differences and they were not applied.
        case differs = 2
        /// The input cannot be used (EX_DATAERR of sysexits.h).
        case unusableInput = 65
        /// The API cannot be reached (EX_UNAVAILABLE).
        case unreachable = 69
        /// The API does not let the caller in (EX_NOPERM).
        case notAllowed = 77
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
