import FleetModel
import Foundation
import Foundations
import Pacing
import Settings

extension EffectiveSettings {
    /// The policy of a group that sets none: Chester's behaviour with the pauses that are set, or a file's.
    /// - Throws: `SettingsError` with every wrong field of the file.
    func defaultPolicy() throws -> ScalingPolicy {
        guard let path = optionalText("scaler.default-policy-file") else {
            var policy = ScalingPolicy(maximumReplicas: integer("scaler.maximum-replicas"))
            policy.scaleOutCooldown = seconds("scaler.cooldown-seconds")
            policy.scaleInCooldown = seconds("scaler.cooldown-seconds")
            policy.drainDeadline = seconds("scaler.drain-deadline-seconds")
            return policy
        }
        let text: String
        do {
            text = try InputFile.existingText(path)
        } catch {
            throw SettingsError(complaints: ["scaler.default-policy-file: \(path) cannot be read: \(error)"])
        }
        do throws(PolicyProblems) {
            return try PolicyFile.read(text, offsets: SystemTimeZones())
        } catch {
            throw SettingsError(complaints: error.problems.map { "scaler.default-policy-file: \($0)" })
        }
    }
}
