import Foundation
import TestSupport
import Testing

/// The wall against a flood from one place (nginx/parts/public/rate.conf), in an nginx of the test's own: it
/// believes a header, so that clients may have any address.
extension GatewayTests {
    @Suite struct Rate {
        private static func configuration(_ folder: String) -> String {
            let parts = "\(Surroundings.repository)/nginx/parts"
            let spools = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"].map { "\($0)_temp_path tmp;" }
            return """
                daemon off;
                master_process off;
                pid pid;
                events {}
                http {
                    access_log off;
                    \(spools.joined(separator: " "))
                    include \(parts)/http/limits.conf;
                    server {
                        listen unix:\(folder)/socket;
                        set_real_ip_from unix:;
                        real_ip_header X-Client;
                        include \(parts)/public/rate.conf;
                        location / { empty_gif; }
                    }
                }
                """
        }

        private func withNginx(_ body: (_ socket: String) throws -> Void) throws {
            let folder = try Folder()
            let text = Data(Self.configuration(folder.path).utf8)
            try text.write(to: URL(filePath: "\(folder.path)/nginx.conf"))
            let nginx = try Program(
                "/usr/sbin/nginx", ["-p", "\(folder.path)/", "-c", "nginx.conf", "-e", "log"],
                environment: ["PATH": "/usr/bin:/bin"])
            defer { nginx.kill9() }
            let socket = "\(folder.path)/socket"
            try waitUntil("nginx answers") { try statuses(of: ["192.0.2.1"], socket) == ["200"] }
            try body(socket)
        }

        /// One request after the other, all by one curl.
        private func statuses(of addresses: [String], _ socket: String) throws -> Set<String> {
            let transfers = addresses.map { address in
                """
                unix-socket = "\(socket)"
                url = "http://localhost/"
                header = "X-Client: \(address)"
                output = "/dev/null"
                write-out = "%{http_code}\\n"
                """
            }
            let finished = try run(
                "/usr/bin/curl", ["-q", "--silent", "--config", "-"],
                input: Array(transfers.joined(separator: "\nnext\n").utf8))
            return Set(finished.text.split(separator: "\n").map(String.init))
        }

        @Test func countsNetworksOverIPv6AndAddressesOverIPv4() throws {
            try withNginx { socket in
                func expect(_ expected: Set<String>, _ address: (Int) -> String) throws {
                    // So many that a slow machine sends them too quickly as well.
                    let addresses = (1...2000).map(address)
                    #expect(try statuses(of: addresses, socket) == expected, "\(addresses[0])")
                }
                func hex(_ number: Int) -> String { String(number, radix: 16) }
                try expect(["200", "429"]) { _ in "198.51.100.7" }
                try expect(["200"]) { "10.1.\($0 >> 8).\($0 & 255)" }
                try expect(["200", "429"]) { "2001:db8:a0a:a::\(hex($0))" }
                try expect(["200"]) { "2001:db8:a0b:\(hex($0))::1" }
                // IPv4, as a socket for both sees it.
                try expect(["200"]) { "::ffff:10.2.\($0 >> 8).\($0 & 255)" }
            }
        }
    }
}
