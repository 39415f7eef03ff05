import ArgumentParser
import FleetModel
import Foundation
import Hooks
import Logging
import Notifications
import Observability
import Pacing
import Settings

/// `drover notify`: whether those who are to be told can be.
struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify",
        abstract: "Sends a test notification to every channel that is set, and says what became of it.",
        discussion: "Exit code 0 only if each was taken. Filters are not looked at.")

    @OptionGroup var settings: SettingsOptions

    @Argument(help: "What to say.")
    var sentence = "This is a test of Drover's notifications; nobody need do anything."

    func run() async throws {
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: .text, level: .error) }
        let effective = try await settings.effective()
        let (channels, message) = try await Complaint.heard {
            (try NotificationServices.channels(effective), try event())
        }
        guard !channels.isEmpty else {
            Console.complain("no channel is set; see docs/guides/notifications.md")
            throw ProgramExit.settings.code
        }
        var hasFailed = false
        for channel in channels {
            let bytes = channel.format.message([message], missed: 0, at: message.time)
            do throws(HookFailure) {
                _ = try await channel.hook.call(bytes)
                Console.say("\(channel.name): \(channel.hook.name) took it")
            } catch {
                hasFailed = true
                Console.complain("\(channel.name): \(error.message)")
            }
        }
        if hasFailed { throw ProgramExit.failure.code }
    }

    private func event() throws -> FleetEvent {
        FleetEvent(
            .test, .info, group: try InstanceName("drover", kind: "group"), at: SystemWallClock().now(), sentence)
    }
}
