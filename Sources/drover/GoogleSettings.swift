import Foundation
import GoogleCloud
import Logging
import Pacing
import Settings

extension EffectiveSettings {
    /// What gives out tokens for a service. Plain HTTP on this machine is a stand-in and gets none.
    func credentials(
        for service: GoogleCredentials.Service, at endpointKey: String, _ logger: Logger
    ) throws -> any AccessTokenProvider {
        let endpoint = text(endpointKey)
        guard endpoint.hasPrefix("https://") else { return .none }
        return try GoogleCredentials(
            environment: ProcessInfo.processInfo.environment, wallClock: SystemWallClock(), logger: logger
        ).provider(for: service)
    }
}
