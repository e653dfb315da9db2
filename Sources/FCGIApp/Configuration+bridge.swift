import Core
import Engine
import Upstream

extension Configuration {
    /// The bridge, and its transport, not yet started; nil without one. Throws `configuration`.
    ///
    /// The transport reaches private addresses, as a bucket's does: it calls nothing but the address that the
    /// operator named.
    func bridge() throws(KinoraError) -> (line: BridgeLine, transport: CurlTransport)? {
        guard !bridgeURL.isEmpty else { return nil }
        let key = try readSecretFile(
            bridgeKeyPath, of: "KINORA_BRIDGE_KEY_FILE", advice: "It holds the key that the bridge wants."
        ).revealed().trimmedText
        guard Self.isKey(key) else {
            throw KinoraError(
                .configuration, "\(bridgeKeyPath) must hold the key of the bridge and nothing else.")
        }
        let bridge = try Bridge(url: bridgeURL, key: Secret(key))
        let transport = try transport(.open)
        return (BridgeLine(bridge, transport), transport)
    }
}
