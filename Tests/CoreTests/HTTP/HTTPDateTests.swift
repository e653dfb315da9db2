import Core
import Testing

@Suite struct HTTPDateTests {
    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
            ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            ("Thu, 29 Feb 2024 23:59:59 GMT", "2024-02-29T23:59:59Z"),
            ("Thu, 31 Dec 2026 12:00:00 GMT", "2026-12-31T12:00:00Z"),
            ("Wed, 01 Mar 2000 00:00:01 GMT", "2000-03-01T00:00:01Z"),
        ])
    func isATime(_ text: String, _ expected: String) {
        #expect(HTTPDate(text)?.timestamp.iso8601 == expected)
    }

    @Test(
        arguments: [
            "", "Sun", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Non 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 -1:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ])
    func ofAnotherFormIsNone(_ text: String) { #expect(HTTPDate(text) == nil) }
}
