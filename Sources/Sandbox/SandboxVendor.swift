internal import Core

/// One upstream as its clients see it: reads its requests and words its answers. Written from the vendor's
/// own documentation and never from Kinora's adapter, so that the two cannot share a misreading.
protocol SandboxVendor: Sendable {
    /// The first path segment, and the name in statistics.
    var name: String { get }
    /// A new task's id in the vendor's form.
    func newTaskID() -> String
    /// The vendor as it answers this request, where its version or a header changes every answer.
    func facing(_ head: RequestHead) -> any SandboxVendor
    /// Whether a request's signature covers its body, which is then passed on as it came.
    var signsBodies: Bool { get }
    /// The key of a request. Throws `missingKey`, or what is wrong with it.
    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String
    /// What a request asks for, checked as strictly as the vendor checks it.
    func order(_ request: VendorRequest) throws(KinoraError) -> Order
    func answer(_ served: Served) -> Response
    func answer(_ error: KinoraError) -> Response
    /// Adds the headers that every answer of the vendor carries.
    func sealed(_ response: Response, took: Duration) -> Response
}

extension SandboxVendor {
    func facing(_ head: RequestHead) -> any SandboxVendor { self }

    var signsBodies: Bool { false }
}

/// Every vendor that the sandbox plays.
enum SandboxVendors {
    static let all: [any SandboxVendor] = [
        OpenAISandbox(), OpenArtSandbox(), ArkSandbox(), ArkSandbox(.byteplus), DashScopeSandbox(),
        ViduSandbox(), ZhipuSandbox(), KlingSandbox(), JimengSandbox(), MiniMaxSandbox(), RunwaySandbox(),
        LumaSandbox(), LumaAgentsSandbox(), FalSandbox(), ReplicateSandbox(), HubSandbox(), LlmageSandbox(),
        JimengAPISandbox(), SoraChatSandbox(), BridgeSandbox(),
    ]

    static func named(_ name: String) -> (any SandboxVendor)? { all.first { $0.name == name } }
}

/// A request below a vendor's prefix.
struct VendorRequest: Sendable {
    let head: RequestHead
    /// Without the vendor's own segment.
    let segments: [String]
    let query: Query
    let body: RequestBody
}
