import Foundation
import Testing

@testable import Settings

@Suite("The configuration file")
struct ConfigurationFileTests {
    @Test("a configuration from /dev/null sets nothing, and one that is a folder is one sentence")
    func configuration() async throws {
        let settings = try await EffectiveSettings(flags: [:], environment: [:], file: "/dev/null")
        #expect(settings.text("store.kind") == "sqlite")
        await #expect(throws: SettingsError(complaints: ["the configuration file / cannot be read: Is a directory"])) {
            _ = try await EffectiveSettings(flags: [:], environment: [:], file: "/")
        }
    }
}
