/// Why a simulation cannot be run: what is wrong with what was given, and what would be right.
package struct SimulationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence or, for a policy, one line for each wrong field.
    package var description: String

    /// Makes an error.
    package init(_ description: String) {
        self.description = description
    }
}
