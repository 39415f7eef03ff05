import FleetModel
package import Hummingbird
package import NIOCore

/// Who sent a request.
package struct Caller: Hashable, Sendable {
    /// What a caller may do; each role includes the ones before it.
    package enum Role: String, Hashable, Codable, Sendable, CaseIterable, Comparable {
        /// Looks.
        case read
        /// Also pauses, resumes, pins, closes incidents, and lets go of replicas or has them tried again.
        case operate
        /// Also changes and removes.
        case admin

        /// Orders roles by what they allow.
        package static func < (left: Role, right: Role) -> Bool {
            guard let first = allCases.firstIndex(of: left), let second = allCases.firstIndex(of: right) else {
                return false
            }
            return first < second
        }
    }

    /// The name for the audit log.
    package var name: String
    /// What the caller may do.
    package var role: Role

    /// Makes a caller.
    package init(name: String, role: Role) {
        self.name = name
        self.role = role
    }
}

/// What the API knows of a request beside its head and body.
package struct ManagementContext: RequestContext, RemoteAddressRequestContext {
    /// Hummingbird's own part.
    package var coreContext: CoreRequestContextStorage
    /// Where the request came from.
    package let remoteAddress: SocketAddress?
    /// Who sent it; set by the authentication, before any route that needs it.
    package var caller = Caller(name: "anonymous", role: .read)

    /// Makes the context of a request on a connection.
    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }

    /// The address without the port, for the audit log.
    var sourceAddress: String { remoteAddress?.ipAddress ?? "local" }

    /// The part of the path that matched `name`, decoded; empty when it is not UTF-8 after that.
    func text(_ name: String) -> String {
        parameters.get(name).flatMap { $0.percentDecoded } ?? ""
    }
}
