import Core
import Testing

@testable import Upstream

/// A callback of Vidu's, signed by its written rules, and what differs from it by one thing.
@Suite struct ViduCallbackTests {
    private let date = "Tue, 06 May 2025 12:09:42 GMT"

    private func isGenuine(
        _ target: String = "/vidu/cb?j=1", key: String = "vda_test", changing: [String: String?] = [:]
    ) -> Bool {
        var headers = [
            "date": date, "x-request-nonce": "n-1", "x-hmac-algorithm": "hmac-sha256",
            "x-hmac-signed-headers": "Date;x-request-nonce",
            "x-hmac-signature": "5jAb6pJjRmVcBjWu0vXgDhfo/j/sGIchokSU0PK5WU0=",
        ]
        for (name, value) in changing { headers[name] = value }
        let account = VendorAccount(row: 1, baseURL: "https://api.vidu.com/ent/v2", credential: Secret(key))
        return Vidu().isGenuine(VendorCallback(token: "t", target: target, headers: headers), account)
    }

    @Test func itsOwnIsGenuine() {
        #expect(Vidu().signsCallbacks)
        #expect(isGenuine())
    }

    @Test(arguments: [
        "date", "x-request-nonce", "x-hmac-algorithm", "x-hmac-signed-headers", "x-hmac-signature",
    ])
    func nothingMayBeMissingOrOther(_ name: String) {
        #expect(!isGenuine(changing: [name: nil]))
        #expect(!isGenuine(changing: [name: ""]))
        #expect(!isGenuine(changing: [name: "x"]))
    }

    @Test func itIsForOneAddressAndByOneKey() {
        #expect(!isGenuine("/vidu/cb?j=2"))
        #expect(!isGenuine("/vidu/cb"))
        #expect(!isGenuine("/vidu/other?j=1"))
        #expect(!isGenuine(key: "vda_tes"))
        #expect(!isGenuine(key: ""))
    }
}
