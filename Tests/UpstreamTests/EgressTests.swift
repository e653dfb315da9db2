import Core
import TestSupport
import Testing
import Upstream

/// What the transport reaches and what it does not, through the real resolver.
@Suite struct EgressTests {
    /// Every spelling that ends at this machine or inside its network.
    @Test(arguments: [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "127.255.255.254", "0", "0.0.0.0", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]",
        "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]",
        "[fd00:ec2::254]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "0xa9fea9fe", "2852039166", "224.0.0.1", "255.255.255.255", "198.18.0.1", "①②⑦.⓪.⓪.①",
    ])
    func aPrivateAddressIsRefusedHoweverItIsSpelled(_ host: String) throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) {
            $0.egress = EgressGuard()
            $0.connectTimeoutSeconds = 2
        }
        defer { line.stop() }
        var call = line.submit()
        call.url = "http://\(host):\(line.server.port)/"
        let failure = try line.failure(call)
        #expect(!failure.mayHaveArrived)
        #expect([.addressRefused, .upstreamUnreachable].contains(failure.error.code))
        #expect(line.server.accepted.all.isEmpty)
    }

    /// Those that every resolver understands are refused by the guard and not for want of a connection.
    @Test(arguments: ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "10.0.0.1"])
    func theGuardSaysSo(_ host: String) throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) { $0.egress = EgressGuard() }
        defer { line.stop() }
        var call = line.get()
        call.url = "http://\(host):\(line.server.port)/"
        #expect(try line.failure(call).error.code == .addressRefused)
    }

    @Test(arguments: ["192.0.1.1", "3221225729", "0xc0000101"])
    func thisMachinesPublicAddressIsRefused(_ host: String) throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) {
            $0.egress = EgressGuard(own: { [[192, 0, 1, 1]] })
        }
        defer { line.stop() }
        var call = line.get()
        call.url = "http://\(host):\(line.server.port)/"
        let failure = try line.failure(call)
        #expect(failure.error.code == .addressRefused)
        #expect(failure.error.detail.hasSuffix("an address of this machine"))
    }

    @Test func anExceptionIsForOnePort() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        let other = try LoopbackServer.answering { _ in Wire.reply() }
        defer { other.stop() }
        #expect(try line.reply(line.get()).status == 200)
        var call = line.get()
        call.url = "http://127.0.0.1:\(other.port)/"
        #expect(try line.failure(call).error.code == .addressRefused)
        #expect(other.accepted.all.isEmpty)
    }

    @Test func anExceptionHoldsForEverySpellingOfItsAddress() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        var call = line.get()
        call.url = "http://2130706433:\(line.server.port)/"
        #expect(try line.reply(call).status == 200)
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://127.0.0.1:PORT/_x", "ftp://127.0.0.1:PORT/x",
        "dict://127.0.0.1:PORT/x",
        "telnet://127.0.0.1:PORT", "smtp://127.0.0.1:PORT", "ldap://127.0.0.1:PORT/x",
        "tftp://127.0.0.1:PORT/x",
        "ws://127.0.0.1:PORT/", "javascript:alert(1)", "//127.0.0.1:PORT/", "", "http://", "http:///x",
        "http://127.0.0.1:99999/", "http://exa mple/",
    ])
    func anythingButHTTPIsRefused(_ url: String) throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        var call = line.get()
        call.url = url.replacing("PORT", with: String(line.server.port))
        let failure = try line.failure(call)
        #expect(!failure.mayHaveArrived)
        #expect(!failure.error.detail.contains("root:"))
        #expect(line.server.requests.all.isEmpty)
    }

    @Test func aFileIsNotSentThroughARedirectEither() throws {
        let line = try Line(
            try LoopbackServer.answering { _ in
                Wire.reply("", "302 Found", "Location: file:///etc/passwd\r\n")
            })
        defer { line.stop() }
        let reply = try line.reply(line.get())
        #expect(reply.status == 302)
        #expect(reply.body.isEmpty)
    }

    // Proxies. That those of the environment are not used is what every other test of a Line shows as well.

    @Test func theProxiesOfTheEnvironmentAreNotUsed() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        #expect(try line.reply(line.get()).status == 200)
        #expect(line.server.requests.all.map(\.line) == ["GET /poll HTTP/1.1"])
    }

    @Test func anAccountsProxyIsUsedWhateverTheEnvironmentExempts() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() })
        defer { line.stop() }
        var call = line.get()
        call.url = "http://through-the-proxy.invalid/poll"
        let reply = try line.begin(call, proxy: line.url).result().get()
        #expect(reply.status == 200)
        #expect(
            line.server.requests.all.map(\.line) == ["GET http://through-the-proxy.invalid/poll HTTP/1.1"])
    }

    @Test func aProxyMayNotBePrivateEither() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply() }) { $0.egress = EgressGuard() }
        defer { line.stop() }
        var call = line.submit()
        call.url = "http://example.invalid/submit"
        guard case .failure(let failure) = try line.begin(call, proxy: line.url).result() else {
            Issue.record("the proxy was used")
            return
        }
        #expect(failure.error.code == .addressRefused)
        #expect(!failure.mayHaveArrived)
        #expect(line.server.accepted.all.isEmpty)
    }

    @Test func aProxyOfAnEncryptedCallLearnsNoSecret() throws {
        let line = try Line(try LoopbackServer.answering { _ in Wire.reply("", "403 Forbidden") })
        defer { line.stop() }
        var call = line.submit()
        call.url = "https://vendor.invalid/submit"
        let proxy = "http://operator:hunter2@127.0.0.1:\(line.server.port)"
        guard case .failure(let failure) = try line.begin(call, proxy: proxy).result() else {
            Issue.record("the refused tunnel was used")
            return
        }
        #expect(!failure.mayHaveArrived)
        #expect(!failure.error.debugDescription.contains("hunter2"))
        let request = try #require(line.server.requests.all.first)
        #expect(request.line == "CONNECT vendor.invalid:443 HTTP/1.1")
        #expect(request.values(of: "authorization").isEmpty)
        #expect(!request.head.contains(Line.secret))
    }
}
