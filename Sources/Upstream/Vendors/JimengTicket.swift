import Core

/// What Kinora calls a task of Jimeng: the service, which every poll must name again, and the vendor's ids.
/// The service makes one picture for each submit, and takes one at a time:
///
///     jimeng_t2i_v30/7123           one
///     jimeng_t2i_v30*3/7123,7124    two of three
///     jimeng_t2i_v30*3/7123,?       one of three, and the submit of the second is on its way, or was lost
struct JimengTicket: Equatable {
    let service: String
    let asked: Int
    private(set) var ids: [String]
    private(set) var isAsking: Bool

    /// Pictures that a task may ask for, at most.
    private static let askedMax = 100

    init(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let service = parts[0].split(separator: "*", maxSplits: 1)
        self.service = service.first.map(String.init) ?? ""
        asked = service.count == 2 ? Int(service[1]) ?? 1 : 1
        let ids = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
        self.ids = ids.filter { $0 != "?" }
        isAsking = ids.last == "?"
    }

    /// Of a job of which nothing was submitted.
    init(of job: VendorJob) throws(KinoraError) {
        service = try JimengOrder.key(of: job)
        let pictures = JimengOrder.isPicture(job) ? job.parameters["n"]?.integerValue ?? 1 : 1
        asked = Int(min(max(pictures, 1), Int64(Self.askedMax)))
        ids = []
        isAsking = false
    }

    private init(_ service: String, _ id: String) {
        self.service = service
        asked = 1
        ids = [id]
        isAsking = false
    }

    var text: String {
        "\(service)\(asked > 1 ? "*\(asked)" : "")/\((ids + (isAsking ? ["?"] : [])).joined(separator: ","))"
    }

    /// Whether nothing more is to be submitted. What became of a submit that nobody heard of is not known,
    /// and a second one might be paid twice.
    var isWhole: Bool { isAsking || ids.count >= asked }

    /// The submit of the next one was accepted.
    func adding(_ id: String) -> JimengTicket {
        var ticket = self
        ticket.ids.append(id)
        ticket.isAsking = false
        return ticket
    }

    var asking: JimengTicket {
        var ticket = self
        ticket.isAsking = true
        return ticket
    }

    /// Those before the last one, each as a task of its own.
    var earlier: [JimengTicket] { ids.dropLast().map { JimengTicket(service, $0) } }

    /// Nothing more is asked for before the last one is done.
    var done: [JimengTicket] { isAsking ? ids.map { JimengTicket(service, $0) } : earlier }
}
