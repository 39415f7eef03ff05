import ArgumentParser
import ControlClient

/// How every command can end. Those above 63 are of sysexits.h.
enum ProgramExit: Int32, CaseIterable {
    case done = 0
    case failure = 1
    case differs = 2
    case usage = 64
    case unusableInput = 65
    case unreachable = 69
    case notAllowed = 77
    case settings = 78

    /// What a script learns, for the manual.
    var meaning: String {
        switch self {
        case .done: "What was asked for is done; a role ended gracefully; a probe's answer is yes."
        case .failure:
            "Something failed, and the last line on standard error says what; a probe's answer is no; `drover migrate "
                + "check`: there are changes to know of."
        case .differs:
            "`drover ctl`: there are differences and they were not applied; a dry run would have "
                + "acted; `drover migrate check`: something does not carry over."
        case .usage: "The command line is wrong."
        case .unusableInput: "A document or file that was given cannot be used."
        case .unreachable: "`drover ctl`: the API cannot be reached."
        case .notAllowed: "`drover ctl`: the API does not let the caller in."
        case .settings: "Settings are wrong; every complaint was printed."
        }
    }

    /// The end as ArgumentParser wants it thrown.
    var code: ExitCode { ExitCode(rawValue) }

    /// The end that a failure of `drover ctl` makes.
    init(_ kind: ControlError.Kind) {
        self =
            switch kind {
            case .failed: .failure
            case .differs: .differs
            case .unusableInput: .unusableInput
            case .unreachable: .unreachable
            case .notAllowed: .notAllowed
            }
    }
}
