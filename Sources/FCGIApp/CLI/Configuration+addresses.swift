import Core
import Glibc
import Upstream

extension Configuration {
    /// What is wrong with addresses, which are any text until somebody uses them.
    var addressFaults: [String] {
        let lists = [("KINORA_EGRESS_ALLOW", egressAllow), ("KINORA_REFERENCE_ALLOW", referenceAllow)]
        var faults = lists.flatMap { name, endpoints in
            endpoints.filter { !Self.isEndpoint($0) }.map {
                "\(name): '\($0)' is no address and port such as 10.0.0.5:8080 or "
                    + "[fd00:0:0:0:0:0:0:5]:8080."
            }
        }
        if !publicURL.isEmpty, !WebAddress.isWeb(publicURL) {
            faults.append("KINORA_PUBLIC_URL must be an http or https URL, not '\(publicURL)'.")
        }
        return faults
    }

    /// Whether it is an address and a port, spelled as the guard spells them.
    private static func isEndpoint(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return false
        }
        var host = text[..<colon]
        let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
        if isIPv6 { host = host.dropFirst().dropLast() }
        var address = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, String(host), &address) == 1 else { return false }
        // Where no port is open, public addresses too are reached only by their exceptions.
        return EgressGuard(exceptions: [text], ports: []).allows(address, port: port)
    }
}
