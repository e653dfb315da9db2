import ArgumentParser
import Core
import Engine
import Store
import Upstream

extension Webhook {
    struct Test: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a signed test message now, and print what the receiver answers.")
        @Argument(help: "The receiver's number.") var id: Int64

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            guard let endpoint = try Store(configuration.database).webhook(id) else {
                throw Webhook.unknown(id)
            }
            let secret = try Vault(masterKey: try configuration.masterKey()).secret(of: endpoint)
            let now = SystemClock().now
            let payload: JSON = [
                "type": "webhook.test", "timestamp": .string(now.iso8601),
                "data": ["endpoint": .integer(id)],
            ]
            let message = "msg_test_\(TaskID.random().short)"
            let call = secret.call(endpoint.url, message, at: now, payload.text)
            let answer = WebhookAnswer(try Self.send(call, configuration), from: endpoint.url)
            if let error = answer.error { throw error }
            writeLine("\(answer.status ?? 0) \(message)")
        }

        private static func send(
            _ call: HTTPCall, _ configuration: Configuration
        ) throws(KinoraError) -> Result<HTTPReply, TransportFailure> {
            let transport = try configuration.transport()
            try transport.start()
            defer { transport.stop() }
            let receiver = VendorAccount(row: 0, baseURL: call.url, credential: Secret(""))
            return transport.answer(
                to: call, from: receiver, into: .beginning(bytesMax: Limits.webhookReplyBytesMax))
        }
    }
}
