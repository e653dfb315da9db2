import Core
import Foundation
import TestSupport
import Testing

/// Commands about users, limits and settings; nothing of the site runs.
extension GatewayTests {
    @Suite(.freshDatabase) struct LimitCommands {
        @Test func aKeyIsMadeWithLimitsAndGetsOthers() throws {
            try withSite { site in
                func limits() throws -> [JSON?] {
                    let key = try site.kinora(["key", "list", "--json"]).json.arrayValue?.last
                    return [key?["requests_per_minute"], key?["concurrent_tasks"]]
                }
                let created = try site.kinora(
                    ["key", "create", "--json", "--requests-per-minute", "60", "--concurrent-tasks", "0"])
                let key = try #require(created.json["key"]?.stringValue)
                let id = try #require(created.json["id"]?.stringValue)
                #expect(try limits() == [60, .null])
                let limited = try site.kinora(["key", "limit", id, "--concurrent-tasks", "3"])
                #expect(limited.text == "limited \(id)\n")
                #expect(try limits() == [60, 3])
                // The key itself names it as well.
                #expect(try site.kinora(["key", "limit", key, "--requests-per-minute", "0"]).status == 0)
                #expect(try limits() == [.null, 3])

                expectWrongUsage(
                    try site.kinora(["key", "limit", id]),
                    "Give --requests-per-minute, --concurrent-tasks, --quota, or several of them.")
                expectWrongUsage(
                    try site.kinora(["key", "limit", id, "--concurrent-tasks=-1"]),
                    "--concurrent-tasks must be from 0 to 1000000.")
                expectWrongUsage(
                    try site.kinora(["key", "create", "--requests-per-minute", "1000001"]),
                    "--requests-per-minute must be from 0 to 1000000.")
                let unknown = "There is no active key 'nobody'. See `kinora key list`."
                expectFailure(
                    try site.kinora(["key", "limit", "nobody", "--concurrent-tasks", "1"]), unknown)
                #expect(try site.kinora(["key", "revoke", id]).status == 0)
                #expect(try site.kinora(["key", "limit", id, "--concurrent-tasks", "1"]).status == 1)
                #expect(try limits() == [.null, 3])
            }
        }

        @Test func usersAreMadeListedAndLimited() throws {
            try withSite { site in
                let created = try site.kinora(["user", "create", "麻衣", "--requests-per-minute", "9"])
                #expect(created.text == "created 麻衣\n")
                expectFailure(
                    try site.kinora(["user", "create", "麻衣"]), "There is already a user '麻衣'.")
                let limited = try site.kinora(["user", "limit", "麻衣", "--concurrent-tasks", "4"])
                #expect(limited.text == "limited 麻衣\n")
                #expect(try site.kinora(["key", "create", "--user", "麻衣"]).status == 0)
                let users = try site.kinora(["user", "list", "--json"]).json.arrayValue ?? []
                #expect(users.compactMap { $0["name"]?.stringValue } == ["default", "麻衣"])
                let mai = try #require(users.last)
                #expect(mai["requests_per_minute"] == 9 && mai["concurrent_tasks"] == 4)
                #expect(mai["keys"] == 1 && mai["role"] == "client" && mai["state"] == "active")
                expectFailure(
                    try site.kinora(["user", "limit", "nobody", "--concurrent-tasks", "4"]),
                    "There is no user 'nobody'. See `kinora user list`.")
                expectWrongUsage(
                    try site.kinora(["user", "create", String(repeating: "u", count: 129)]),
                    "The name must have 1 to 128 characters.")
            }
        }

        @Test func settingsAreListedSetAndUnset() throws {
            try withSite { site in
                func setting(_ name: String) throws -> JSON? {
                    try site.kinora(["setting", "list", "--json"]).json.arrayValue?
                        .first { $0["name"] == .string(name) }
                }
                let names = try site.kinora(["setting", "list", "--json"]).json.arrayValue?
                    .compactMap { $0["name"]?.stringValue }
                #expect(
                    names == [
                        "credits_refresh_minutes", "default_image_model", "default_video_model",
                        "error_ban_threshold", "event_log", "image_timeout", "image_wait_seconds",
                        "log_retention_days", "low_credit_threshold", "max_waiting_tasks",
                        "max_waiting_tasks_hub", "max_waiting_tasks_jimeng", "max_waiting_tasks_llmage",
                        "max_waiting_tasks_openart", "max_waiting_tasks_sora", "off_peak_time_zone",
                        "off_peak_window", "queue_timeout",
                        "relay_first_byte_seconds", "relay_idle_seconds", "relay_total_seconds",
                        "request_log", "video_timeout", "video_wait_seconds",
                    ])
                #expect(try setting("max_waiting_tasks_sora")?["value"] == .null)
                let set = try site.kinora(["setting", "set", "max_waiting_tasks_sora", "3"])
                #expect(set.text == "max_waiting_tasks_sora = 3\n")
                #expect(try setting("max_waiting_tasks_sora")?["value"] == 3)
                #expect(try site.kinora(["setting", "set", "video_timeout", "60"]).status == 0)
                #expect(try setting("video_timeout")?["value"] == 60)
                for name in ["max_waiting_tasks_sora", "video_timeout", "video_timeout"] {
                    let unset = try site.kinora(["setting", "unset", name])
                    #expect(unset.text == "\(name) is not set\n")
                }
                #expect(try setting("max_waiting_tasks_sora")?["value"] == .null)
                #expect(try setting("video_timeout")?["value"] == 1800)
                try site.database.rows("UPDATE model SET family = 'openart' WHERE id = 'sora-2-pro'")
                let openArt = try setting("max_waiting_tasks_openart")
                #expect(openArt?["value"] == 3 && openArt?["default"] == 3)
            }
        }

        @Test func whatIsNoSettingOrNoValueOfItIsRefused() throws {
            try withSite { site in
                let known =
                    "credits_refresh_minutes, default_image_model, default_video_model, error_ban_threshold, "
                    + "event_log, image_timeout, image_wait_seconds, log_retention_days, "
                    + "low_credit_threshold, max_waiting_tasks, max_waiting_tasks_hub, "
                    + "max_waiting_tasks_jimeng, max_waiting_tasks_llmage, max_waiting_tasks_openart, "
                    + "max_waiting_tasks_sora, "
                    + "off_peak_time_zone, off_peak_window, queue_timeout, relay_first_byte_seconds, "
                    + "relay_idle_seconds, relay_total_seconds, request_log, video_timeout, "
                    + "video_wait_seconds"
                for arguments in [["set", "vido_timeout", "5"], ["unset", "vido_timeout"]] {
                    expectFailure(
                        try site.kinora(["setting"] + arguments),
                        "There is no setting 'vido_timeout'. Known: \(known).")
                }
                for value in ["0", "604801", "soon", "1.5", ""] {
                    expectFailure(
                        try site.kinora(["setting", "set", "video_timeout", value]),
                        "video_timeout must be a whole number from 1 to 604800, not '\(value)'.")
                }
                for (name, value) in [
                    ("default_video_model", "no-such-model"), ("default_video_model", "gpt-image-2"),
                    ("default_image_model", "sora-2"), ("default_image_model", ""),
                ] {
                    expectFailure(
                        try site.kinora(["setting", "set", name, value]),
                        "\(name) must be the id of a model, not '\(value)'.")
                }
                #expect(try site.kinora(["setting", "set", "default_video_model", "sora-2-pro"]).status == 0)
                #expect(
                    try site.database.rows("SELECT value FROM setting WHERE name = 'video_timeout'")
                        == [["1800"]])
            }
        }

        @Test func theWindowOfOffPeakTasksIsSetAndRefused() throws {
            try withSite { site in
                func set(_ name: String, _ value: String) throws -> Finished {
                    try site.kinora(["setting", "set", name, value])
                }
                #expect(
                    try set("off_peak_window", "22:00-08:00").text == "off_peak_window = \"22:00-08:00\"\n")
                #expect(try set("off_peak_window", "12:00-14:00,22:00-08:00").status == 0)
                #expect(
                    try set("off_peak_time_zone", "Asia/Shanghai").text
                        == "off_peak_time_zone = \"Asia/Shanghai\"\n")
                for value in [
                    "22:00", "22:00-24:00", "22:00-8:00", "22:00 - 08:00", "22:00-08:00,", "at night",
                    "２２:00-08:00", "22:00-08:00\n",
                ] {
                    expectFailure(
                        try set("off_peak_window", value),
                        "off_peak_window must be empty, or times such as 22:00-08:00, several with commas "
                            + "between them, not '\(value)'.")
                }
                for value in ["", "Asia/Shanghaj", "UTC+25"] {
                    expectFailure(
                        try set("off_peak_time_zone", value),
                        "off_peak_time_zone must be the name of a time zone, such as Asia/Shanghai, not "
                            + "'\(value)'.")
                }
                func kept() throws -> [[String?]] {
                    try site.database.rows(
                        "SELECT value #>> '{}' FROM setting WHERE name LIKE 'off_peak%' ORDER BY name")
                }
                #expect(try kept() == [["Asia/Shanghai"], ["12:00-14:00,22:00-08:00"]])
                #expect(try set("off_peak_window", "").status == 0)
                #expect(try kept() == [["Asia/Shanghai"], [""]])
            }
        }

        @Test func everySettingOfTheMigrationsIsKnown() throws {
            try withSite { site in
                let rows = try site.database.rows("SELECT name, value, description FROM setting")
                for row in rows {
                    let rule = try #require(Settings.all.first { $0.name == row[0] }, "\(row)")
                    #expect(row[1] == rule.defaultJSON.text)
                    #expect(row[2] == rule.description)
                }
                #expect(rows.count == Settings.all.count)
            }
        }
    }
}
