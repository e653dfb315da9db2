/// Decides, after name resolution and before connecting, whether an address may be reached: so a name that
/// points inside, an odd spelling of an address and a name that changes its mind are all seen as what they
/// are.
public struct EgressGuard: Sendable {
    /// Endpoints that the operator allows by name, as `address:port`, whatever else refuses them.
    public let exceptions: Set<String>

    /// Nil: every port.
    private let ports: Set<UInt16>?
    private let own: @Sendable () -> Set<[UInt8]>
    private let isOpen: Bool

    /// Those of http and https.
    public static let webPorts: Set<UInt16> = [80, 443]

    /// `ports` are those that may be reached beside the exceptions; nil: every one. `own` are the addresses
    /// of this machine: what listens at its public ones may trust whoever calls from here.
    public init(
        exceptions: Set<String> = [], ports: Set<UInt16>? = nil,
        own: @escaping @Sendable () -> Set<[UInt8]> = { OwnAddresses.shared.known() }
    ) {
        self.init(exceptions, ports, own, isOpen: false)
    }

    private init(
        _ exceptions: Set<String>, _ ports: Set<UInt16>?, _ own: @escaping @Sendable () -> Set<[UInt8]>,
        isOpen: Bool
    ) {
        self.exceptions = exceptions
        self.ports = ports
        self.own = own
        self.isOpen = isOpen
    }

    /// Allows every address: for a transport that calls nothing but what the operator configured.
    public static let open = EgressGuard([], nil, { [] }, isOpen: true)

    public func allows(_ address: [UInt8], port: UInt16) -> Bool {
        refusal(of: address, port: port) == nil
    }

    /// Why an address may not be reached, for the log; nil: it may. `address` is 4 or 16 bytes in network
    /// order.
    func refusal(of address: [UInt8], port: UInt16) -> String? {
        if isOpen || exceptions.contains("\(Self.text(address)):\(port)") { return nil }
        if !Self.isPublic(address) { return "not a public address" }
        if let ports, !ports.contains(port) { return "not a port of the web" }
        // Its own site is for everybody: a result's link may be the next task's reference.
        return !Self.webPorts.contains(port) && isOwn(address) ? "an address of this machine" : nil
    }

    private func isOwn(_ address: [UInt8]) -> Bool {
        let all = own()
        return all.contains(address) || Self.carriedIPv4(by: address).map { all.contains($0) } ?? false
    }

    /// Whether an address belongs to the public internet (IANA special-purpose registries).
    public static func isPublic(_ address: [UInt8]) -> Bool {
        switch address.count {
        case 4: isPublicIPv4(address)
        case 16: isPublicIPv6(address)
        default: false
        }
    }

    private static func isPublicIPv4(_ a: [UInt8]) -> Bool {
        switch (a[0], a[1], a[2]) {
        case (0, _, _), (10, _, _), (127, _, _): false  // this net, private, loopback
        case (224..., _, _): false  // multicast, reserved, broadcast
        case (100, 64...127, _): false  // carrier-grade NAT
        case (169, 254, _): false  // link-local, cloud metadata
        case (172, 16...31, _), (192, 168, _): false  // private
        case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113): false  // protocol assignments, examples
        case (192, 88, 99), (198, 18...19, _): false  // 6to4 relays, benchmarks
        default: true
        }
    }

    private static func isPublicIPv6(_ a: [UInt8]) -> Bool {
        if let inner = carriedIPv4(by: a) { return isPublicIPv4(inner) }
        // Global unicast is 2000::/3; inside it Teredo, examples and benchmarks are not.
        guard a[0] & 0xE0 == 0x20 else { return false }
        let isSpecial =
            a.starts(with: [0x20, 0x01, 0x0D, 0xB8]) || (a.starts(with: [0x20, 0x01]) && a[2] < 0x02)
        return !isSpecial && !a.starts(with: [0x3F, 0xFF])
    }

    /// The IPv4 address that decides about an IPv6 one which carries it; nil for all others.
    private static func carriedIPv4(by a: [UInt8]) -> [UInt8]? {
        guard a.count == 16 else { return nil }
        let isMapped = a[..<10].allSatisfy { $0 == 0 } && a[10] == 0xFF && a[11] == 0xFF
        let isNAT64 = a.starts(with: [0x00, 0x64, 0xFF, 0x9B]) && a[4..<12].allSatisfy { $0 == 0 }
        if isMapped || isNAT64 { return Array(a[12...]) }
        return a.starts(with: [0x20, 0x02]) ? Array(a[2..<6]) : nil  // 6to4
    }

    /// `192.0.2.1`, or `[…]` with eight groups of hex digits for IPv6 (`[::1]` for the loopback).
    static func text(_ address: [UInt8]) -> String {
        if address.count == 4 { return address.map(String.init).joined(separator: ".") }
        if address == [UInt8](repeating: 0, count: 15) + [1] { return "[::1]" }
        let groups = stride(from: 0, to: address.count, by: 2).map {
            String(UInt16(address[$0]) << 8 | UInt16(address[$0 + 1]), radix: 16)
        }
        return "[\(groups.joined(separator: ":"))]"
    }
}
