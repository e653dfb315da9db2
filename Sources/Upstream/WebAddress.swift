import CCurl

/// Addresses of media.
public enum WebAddress {
    /// Whether it is an absolute address of http or https with a host, and names no user.
    public static func isWeb(_ url: String) -> Bool {
        guard let parts = curl_url() else { return false }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK else { return false }
        return ["http", "https"].contains(text(of: CURLUPART_SCHEME, parts))
            && text(of: CURLUPART_USER, parts) == nil && text(of: CURLUPART_HOST, parts)?.isEmpty == false
    }

    /// Whether nobody on the way can read what goes there: by https, or on this machine.
    public static func isPrivate(_ url: String) -> Bool {
        guard let parts = curl_url() else { return false }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK else { return false }
        return text(of: CURLUPART_SCHEME, parts) == "https"
            || ["127.0.0.1", "[::1]"].contains(text(of: CURLUPART_HOST, parts))
    }

    /// Where a `Location` leads that came from `url`, relative ones included (RFC 3986). Nil when it is no
    /// address, and when it leads off https to anywhere but the very place it came from.
    public static func target(of location: String, from url: String) -> String? {
        guard let parts = curl_url() else { return nil }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK else { return nil }
        let origin = Self.origin(parts)
        guard curl_url_set(parts, CURLUPART_URL, location, 0) == CURLUE_OK,
            text(of: CURLUPART_SCHEME, parts) == "https" || Self.origin(parts) == origin
        else { return nil }
        return text(of: CURLUPART_URL, parts, flags: 0)
    }

    private static func origin(_ parts: OpaquePointer) -> [String?] {
        [CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT].map { text(of: $0, parts) }
    }

    private static func text(
        of part: CURLUPart, _ parts: OpaquePointer, flags: UInt32 = UInt32(CURLU_DEFAULT_PORT)
    ) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
