import Testing
import Upstream

@Suite struct EgressGuardTests {
    /// The bytes of a dotted or a fully written IPv6 address.
    private func bytes(_ text: String) -> [UInt8] {
        if text.contains(".") { return text.split(separator: ".").map { UInt8($0)! } }
        var halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false).map { half in
            half.split(separator: ":").map { UInt16($0, radix: 16)! }
        }
        if halves.count == 2 {
            halves.insert([UInt16](repeating: 0, count: 8 - halves[0].count - halves[1].count), at: 1)
        }
        return halves.joined().flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    // First and last address of every range of IANA's special-purpose registries, and their neighbours.

    @Test(arguments: [
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
        "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0",
        "192.88.99.255", "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0",
        "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
        "255.255.255.254", "255.255.255.255",
    ])
    func aSpecialIPv4AddressIsNotPublic(_ address: String) {
        #expect(!EgressGuard.isPublic(bytes(address)))
    }

    @Test(arguments: [
        "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
        "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
        "203.0.114.0", "223.255.255.255",
    ])
    func anOrdinaryIPv4AddressIsPublic(_ address: String) {
        #expect(EgressGuard.isPublic(bytes(address)))
    }

    @Test(arguments: [
        "::", "::1", "::2", "::7f00:1", "::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff::808:808", "100::",
        "100::1",
        "100:0:0:1::", "1000::1", "1fff:ffff::", "2001::", "2001:0:808:808::1", "2001:1::1", "2001:2::1",
        "2001:10::1", "2001:20::1", "2001:db8::", "2001:db8:ffff::1", "3fff::", "3fff:fff::1", "4000::1",
        "5f00::1", "fc00::", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ffff::1",
    ])
    func aSpecialIPv6AddressIsNotPublic(_ address: String) {
        #expect(!EgressGuard.isPublic(bytes(address)))
    }

    @Test(arguments: [
        "2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1",
        "2606:4700::1111",
        "2a00::1", "2c00::1", "3ffe:ffff::1",
    ])
    func anOrdinaryIPv6AddressIsPublic(_ address: String) {
        #expect(EgressGuard.isPublic(bytes(address)))
    }

    @Test(
        arguments: [
            // IPv4-mapped, NAT64 and 6to4 around 127.0.0.1, 10.0.0.1, 169.254.169.254 and 8.8.8.8.
            ("::ffff:7f00:1", false), ("::ffff:a00:1", false), ("::ffff:a9fe:a9fe", false),
            ("::ffff:808:808", true),
            ("64:ff9b::7f00:1", false), ("64:ff9b::a00:1", false), ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::808:808", true), ("64:ff9b:0:0:1::808:808", false),
            ("2002:7f00:1::", false), ("2002:a00:1::1", false), ("2002:a9fe:a9fe::", false),
            ("2002:808:808::1", true),
        ] as [(String, Bool)])
    func anAddressInsideAnAddressDecides(_ address: String, _ isPublic: Bool) {
        #expect(EgressGuard.isPublic(bytes(address)) == isPublic)
    }

    @Test(arguments: [0, 1, 3, 5, 15, 17])
    func somethingThatIsNoAddressIsNotPublic(_ count: Int) {
        #expect(!EgressGuard.isPublic([UInt8](repeating: 8, count: count)))
    }

    @Test(
        arguments: [
            ("127.0.0.1:9443", "127.0.0.1", 9443, true), ("127.0.0.1:9443", "127.0.0.1", 9444, false),
            ("127.0.0.1:9443", "127.0.0.2", 9443, false), ("127.0.0.1", "127.0.0.1", 80, false),
            ("10.1.2.3:443", "10.1.2.3", 443, true), ("[::1]:9443", "::1", 9443, true),
            ("[::1]:9443", "127.0.0.1", 9443, false), ("127.0.0.1:9443", "::1", 9443, false),
            ("[fd00:0:0:0:0:0:0:7]:443", "fd00::7", 443, true), ("*:443", "10.1.2.3", 443, false),
        ] as [(String, String, UInt16, Bool)])
    func anExceptionNamesOneAddressAndOnePort(
        _ exception: String, _ address: String, _ port: UInt16, _ isAllowed: Bool
    ) {
        let guarding = EgressGuard(exceptions: [exception])
        #expect(guarding.allows(bytes(address), port: port) == isAllowed)
        #expect(guarding.allows([8, 8, 8, 8], port: port))
    }

    /// However it is written; a neighbour's is anybody's.
    @Test(
        arguments: [
            ("203.0.114.7", 9443, false), ("203.0.114.7", 8443, true), ("203.0.114.7", 443, true),
            ("::ffff:cb00:7207", 9443, false), ("64:ff9b::cb00:7207", 9443, false),
            ("2002:cb00:7207::1", 9443, false), ("2606:4700::7", 9443, false), ("2606:4700::7", 80, true),
            ("203.0.114.8", 9443, true), ("::ffff:cb00:7208", 9443, true), ("2606:4700::8", 9443, true),
        ] as [(String, UInt16, Bool)])
    func thisMachinesPublicAddressIsInsideToo(_ address: String, _ port: UInt16, _ isAllowed: Bool) {
        let own: Set<[UInt8]> = [bytes("203.0.114.7"), bytes("2606:4700::7")]
        let guarding = EgressGuard(exceptions: ["203.0.114.7:8443"], own: { own })
        #expect(guarding.allows(bytes(address), port: port) == isAllowed)
        #expect(EgressGuard.open.allows(bytes(address), port: port))
    }

    @Test(
        arguments: [
            ("8.8.8.8", 80, true), ("8.8.8.8", 443, true), ("8.8.8.8", 0, false), ("8.8.8.8", 22, false),
            ("8.8.8.8", 8080, false), ("8.8.8.8", 8443, true), ("8.8.4.4", 8443, false),
            ("2606:4700::1111", 443, true), ("2606:4700::1111", 8443, false), ("::ffff:808:808", 443, true),
            ("::ffff:808:808", 22, false), ("10.1.2.3", 443, false), ("127.0.0.1", 80, false),
        ] as [(String, UInt16, Bool)])
    func someGuardsOpenThePortsOfTheWebAndNoOther(_ address: String, _ port: UInt16, _ isAllowed: Bool) {
        let guarding = EgressGuard(exceptions: ["8.8.8.8:8443"], ports: EgressGuard.webPorts)
        #expect(guarding.allows(bytes(address), port: port) == isAllowed)
    }
}
