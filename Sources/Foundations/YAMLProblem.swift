package import Yams

/// What is wrong with a text in YAML, for people: the line, and never what stands on it, which may be a password. The
/// library's own words quote the line.
package enum YAMLProblem {
    /// A sentence without its end, for example `line 3 is not YAML`.
    package static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as UnusableFile:
            return error.reason
        case let error as YamlError:
            return "\(line(of: error).map { "line \($0)" } ?? "it") is not YAML"
        case let error as DecodingError:
            let context: DecodingError.Context? =
                switch error {
                case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                    .dataCorrupted(let context):
                    context
                @unknown default: nil
                }
            if let error = context?.underlyingError as? YamlError { return sentence(error) }
            let path = (context?.codingPath ?? []).map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "it is not YAML" : "\(path) is missing or not of the right type"
        default:
            return "it is not YAML"
        }
    }

    /// The line, from 1, where the library says it.
    package static func line(of error: YamlError) -> Int? {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: nil
        }
    }
}
