public import Core
import Crypto

extension Vidu {
    public var signsCallbacks: Bool { true }

    /// HMAC-SHA256 with the account's key over the request line, its date and the headers that it lists, in
    /// that order; the body is not covered. Source: platform.vidu.com/docs/callback-signature.
    public func isGenuine(_ callback: VendorCallback, _ account: VendorAccount) -> Bool {
        let headers = callback.headers
        guard headers["x-hmac-algorithm"] == "hmac-sha256", let date = headers["date"],
            let signed = headers["x-hmac-signed-headers"],
            let code = headers["x-hmac-signature"].flatMap({ Base64.decode(Array($0.utf8)) })
        else { return false }
        let halves = callback.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var text = "POST\n\(halves[0])\n\(halves.count == 2 ? halves[1] : "")\nvidu\n\(date)\n"
        for name in signed.split(separator: ";") {
            guard let value = headers[name.lowercased()] else { return false }
            text += "\(name):\(value)\n"
        }
        let key = SymmetricKey(data: Array(account.credential.revealed().utf8))
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Array(text.utf8), using: key)
    }
}
