import ArgumentParser
import AsyncHTTPClient
import ControlClient
import FleetModel
import Foundation
import NIOSSL

extension Presentation: ExpressibleByArgument {}

/// Where the management API is, and how answers are shown.
struct CtlOptions: ParsableArguments {
    @Option(help: "Address of the management API (else DROVER_CTL_API, else http://127.0.0.1:8082).")
    var api: String?

    @Option(
        help: ArgumentHelp("File with a bearer token (else the variable DROVER_CTL_TOKEN).", valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("PEM file with the authority of the API's certificate.", valueName: "file"))
    var caFile: String?

    @Option(help: "How long one call may take, in seconds.")
    var timeout = 30.0

    @Option(name: .shortAndLong, help: "How answers are shown.")
    var output = Presentation.table

    func validate() throws {
        guard (0.1...3_600).contains(timeout) else { throw ValidationError("--timeout must be 0.1 to 3600") }
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
            throw ValidationError("--api must begin with http:// or https://")
        }
    }

    /// The same for another API.
    func reaching(_ address: String) -> CtlOptions {
        var options = self
        options.api = address
        return options
    }

    private var address: String {
        api ?? ProcessInfo.processInfo.environment["DROVER_CTL_API"] ?? "http://127.0.0.1:8082"
    }

    /// Runs `body` with an operator for the API.
    /// - Throws: `ExitCode` after the reason was printed.
    func run(_ body: @Sendable (Operator) async throws -> Void) async throws {
        do {
            let token = try token()
            var configuration = HTTPClient.Configuration()
            configuration.redirectConfiguration = .disallow
            // Who is refused knows at once.
            configuration.connectionPool.retryConnectionEstablishment = false
            if let caFile {
                var tls = TLSConfiguration.makeClientConfiguration()
                guard let authorities = try? NIOSSLCertificate.fromPEMFile(caFile), !authorities.isEmpty else {
                    throw ControlError(.unusableInput, "the file \(caFile) has no certificates in PEM")
                }
                tls.trustRoots = .certificates(authorities)
                configuration.tlsConfiguration = tls
            }
            let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            let client = APIClient(
                address, token: token, http: http, timeout: .milliseconds(Int64(timeout * 1_000)),
                clock: ContinuousClock())
            let work = Operator(client: client, presentation: output, terminal: Self.terminal)
            do {
                try await body(work)
                try await http.shutdown()
            } catch {
                try await http.shutdown()
                throw error
            }
        } catch let error as ControlError {
            Console.complain(error.description)
            throw ProgramExit(error.kind).code
        }
    }

    private func token() throws -> Secret? {
        guard let tokenFile else {
            let text = ProcessInfo.processInfo.environment["DROVER_CTL_TOKEN"] ?? ""
            return text.isEmpty ? nil : try APIClient.token(text, from: "DROVER_CTL_TOKEN")
        }
        return try APIClient.token(try readText(tokenFile), from: "the token file \(tokenFile)")
    }

    private static let terminal = Operator.Terminal(
        say: { text in try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) },
        ask: { question in
            guard isatty(STDIN_FILENO) == 1 else { return false }
            try? FileHandle.standardError.write(contentsOf: Data("\(question) [y/N] ".utf8))
            return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
        },
        read: { question in
            guard isatty(STDIN_FILENO) == 1 else { return nil }
            try? FileHandle.standardError.write(contentsOf: Data(question.utf8))
            return readLine()
        })
}

/// Whether a change is made without asking, or not at all.
struct ConsentOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Makes the change without asking.")
    var yes = false

    @Flag(help: "Shows the differences and changes nothing; exits with 2 when there are some.")
    var dryRun = false

    var consent: Operator.Consent { .init(yes: yes, dryRun: dryRun) }
}

/// Whether rows of somebody else are taken over.
struct AdoptOption: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Takes over the rows of somebody else that are in the database's places on the nodes now: server, user or "
                + "rule. Without it they are shown and refused."))
    var adopt = false

    var query: [(String, String?)] { [("adopt", adopt ? "true" : nil)] }
}

/// Whether instances may be deleted without the typed answer.
struct DeletionOption: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "With --yes, lets the change delete Cloud SQL instances: replicas of Drover's that a lowered maximum or a "
                + "smaller pin sends away."))
    var deleteReplicas = false
}

/// Whether Cloud SQL is asked about the primary.
struct VerifyOption: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Registers without asking Cloud SQL about the primary: whether it exists, its address and replicas, and "
                + "whether replicas of it can be made at all."))
    var noVerify = false

    var query: [(String, String?)] { [("verify", noVerify ? "false" : nil)] }
}

/// The path of a group in the API.
func groupPath(_ name: String, _ rest: String = "") -> String { "/v1/groups/\(APIClient.escaped(name))\(rest)" }
