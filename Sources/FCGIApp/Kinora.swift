import ArgumentParser
import Core

@main
struct Kinora: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kinora",
        abstract: "A self-hosted gateway for image and video generation.",
        discussion: "Settings come from the environment; `kinora check` prints them all. See README.md.",
        version: kinoraVersion,
        subcommands: [
            Serve.self, Work.self, All.self, Migrate.self, Setup.self, Check.self, Key.self, Account.self,
            User.self, QuotaCommand.self, CodeCommand.self, UsageCommand.self, ModelCommand.self,
            RouteCommand.self, TaskCommand.self, SettingCommand.self, Webhook.self, Events.self,
            Requests.self, MediaCommand.self, SandboxCommand.self,
        ])
}
