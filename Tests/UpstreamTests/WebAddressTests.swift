import Testing
import Upstream

@Suite struct WebAddressTests {
    @Test(
        arguments: [
            ("https://cdn.example/1.mp4", "https://api.example/v1/videos/1", "https://cdn.example/1.mp4"),
            ("/files/1.mp4?a=b", "https://api.example/v1/videos/1", "https://api.example/files/1.mp4?a=b"),
            ("1.mp4", "https://api.example/v1/videos/1", "https://api.example/v1/videos/1.mp4"),
            ("../1.mp4", "https://api.example/v1/videos/1", "https://api.example/v1/1.mp4"),
            ("//cdn.example/1.mp4", "https://api.example/v1", "https://cdn.example/1.mp4"),
            ("/1.mp4", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/1.mp4"),
            ("http://127.0.0.1:8000/1.mp4", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/1.mp4"),
            ("https://127.0.0.1/1.mp4", "http://127.0.0.1:8000/v1", "https://127.0.0.1/1.mp4"),
        ])
    func aLocationIsResolved(_ location: String, _ url: String, _ target: String) {
        #expect(WebAddress.target(of: location, from: url) == target)
    }

    @Test(
        arguments: [
            "http://cdn.example/1.mp4", "http://api.example/1.mp4", "//", "ftp://api.example/1.mp4",
            "file:///etc/passwd", "javascript:alert(1)", "https://",
        ])
    func anAddressThatIsNotToBeFollowedIsNone(_ location: String) {
        #expect(WebAddress.target(of: location, from: "https://api.example/v1") == nil)
    }

    @Test func anotherPortIsAnotherPlace() {
        let url = "http://127.0.0.1:8000/v1"
        #expect(WebAddress.target(of: "http://127.0.0.1:8001/1.mp4", from: url) == nil)
        #expect(WebAddress.target(of: "http://127.0.0.1/1.mp4", from: url) == nil)
        #expect(WebAddress.target(of: "http://a.example:80/1", from: "http://a.example/2") != nil)
    }
}
