import Core
import Foundation
import Testing

extension GatewayTests {
    @Suite struct References {
        /// A thread for short calls hands the request on to one that may wait, with its body.
        @Test func anAddressIsCalledByAThreadThatMayWait() throws {
            try withGateway(through: .nginx) { gateway in
                let inside = try gateway.submit(
                    "a cat", ["input_reference": ["image_url": "http://127.0.0.1:1/cat.png"]])
                #expect(inside.status == 400)
                #expect(inside.errorCode == "address_refused")
                #expect(inside.json["error"]?["param"] == "input_reference")
                #expect(try gateway.submit("another on the same connection").status == 200)
            }
        }

        /// What the operator allows for vendors is nothing for clients, who would read there with its rights.
        @Test func aVendorsPrivateAddressIsNotAClients() throws {
            try withGateway(through: .nginx) { gateway in
                let port = try #require(URL(string: try Instance.running().url)?.port) + 1
                let address = "https://localhost:\(port)/_sandbox/stats"
                let reply = try gateway.submit("a cat", ["input_reference": .string(address)])
                #expect(reply.status == 400 && reply.errorCode == "address_refused", "\(reply.text)")
            }
        }

        @Test func onlyThePortsOfTheWebAreCalled() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try gateway.submit(
                    "a cat", ["input_reference": "https://192.0.1.1:8443/cat.png"])
                #expect(reply.status == 400 && reply.errorCode == "address_refused", "\(reply.text)")
            }
        }

        /// Who must not wait and is not behind nginx is told where to go, and nothing was done.
        @Test func aShortCallSaysWhereItGoesOn() throws {
            try withGateway(through: .fastcgi) { gateway in
                let reply = try gateway.submit("a cat", ["input_reference": "https://example.com/cat.png"])
                #expect(reply["X-Accel-Redirect"] == "@slow")
            }
        }
    }
}
