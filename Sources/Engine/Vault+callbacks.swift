import Core
import Crypto

/// Addresses that vendors call back at: `<uuid>.<attempt>.<HMAC-SHA256>`. Nobody guesses one, none is stored,
/// and a wrong one is refused without a look into the database: so no answer and no time tells which tasks
/// exist.
extension Vault {
    func callbackToken(of task: TaskID, attempt: Int) -> String {
        "\(task).\(attempt).\(Hex.text(callbackCode("\(task).\(attempt)")))"
    }

    /// The attempt that a token is for; nil when it is none of ours. Compares in constant time.
    func attempt(ofCallback token: String) -> (task: TaskID, attempt: Int)? {
        guard token.utf8.count <= 128 else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let code = Hex.bytes(parts[2]),
            isCallbackCode(code, of: "\(parts[0]).\(parts[1])"),
            let task = TaskID(uuid: parts[0]), let attempt = Int(parts[1])
        else { return nil }
        return (task, attempt)
    }
}
