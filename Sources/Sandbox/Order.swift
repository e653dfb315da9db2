internal import Core

/// What a request asks a vendor for, in no vendor's words.
enum Order: Sendable {
    case submit(Draft)
    /// A new task whose end the client waits for.
    case make(Draft)
    /// A new task like a finished one, with another prompt.
    case remix(of: String, prompt: String)
    /// Where the vendor keeps tasks apart, `section` says where it looks for this one.
    case poll(String, in: String? = nil)
    /// What a finished task has made, where that is asked for apart.
    case outcome(String)
    case list(Page)
    case numberedPage(NumberedPage)
    case content(String, Rendition)
    case delete(String)
    /// Ends a task that rests in the queue still. One that has ended is forgotten, where the vendor does so.
    case cancel(String, forgetsEnded: Bool)
    /// Ends a task in whatever state it is, and forgets it where the vendor does so.
    case abort(String, forgets: Bool)
    /// What the key may spend and has spent.
    case credit(Billing)
    /// Asks a text model.
    case talk(Talk)
    /// Pictures, at once.
    case draw(PictureDraft)
    /// One of them, by its link, which may end.
    case picture(String, until: Timestamp? = nil)
    /// A finished film, by its link, which may end.
    case film(String, until: Timestamp? = nil)
    /// Makes something that is no task, once for each id: asked for again, the first answer comes again.
    case once(String, Response)
    /// Concerns no task: the answer is known already.
    case fixed(Response)

    var operation: Operation {
        switch self {
        case .submit, .make, .remix, .draw, .once: .submit
        case .poll: .poll
        case .list, .numberedPage: .list
        case .talk: .talk
        case .content, .picture, .film: .content
        case .delete, .cancel, .abort, .credit, .fixed, .outcome: .other
        }
    }

    /// The task asked about; nil for a submit and for a list.
    var taskID: String? {
        switch self {
        case .poll(let id, _), .outcome(let id), .content(let id, _), .delete(let id), .cancel(let id, _),
            .abort(let id, _):
            id
        default: nil
        }
    }
}

/// What came of an order; the vendor words it.
enum Served: Sendable {
    case task(TaskView)
    case outcome(TaskView)
    case tasks([TaskView], hasMore: Bool)
    /// `total` counts those of all pages.
    case page([TaskView], NumberedPage, total: Int)
    /// A file name below the render directory.
    case content(file: String, type: String)
    case deleted(String)
    case cancelled(String)
    case pictures(Pictures)
    /// Dollars; no limit: nil.
    case credit(Billing, limit: Double?, used: Double)
    case talk(Talk, Timestamp)
    case fixed(Response)
}

/// The two halves of what a key has left.
enum Billing: String, Sendable { case subscription, usage }

struct FrameSize: Sendable, Hashable, CustomStringConvertible {
    let width: Int
    let height: Int

    init(_ width: Int, _ height: Int) {
        self.width = width
        self.height = height
    }

    /// Reads `1280x720`.
    init?(_ text: String) {
        let halves = text.split(separator: "x", omittingEmptySubsequences: false)
        guard halves.count == 2, let width = Int(halves[0]), let height = Int(halves[1]) else { return nil }
        self.init(width, height)
    }

    /// A frame of a ratio such as `16:9`, by its shorter side. The longer one is even, as films must be. Wide
    /// for a word that is no ratio.
    init(shorter side: Int, _ ratio: String) {
        let sides = ratio.split(separator: ":").compactMap { Int($0) }
        let (wide, high) = sides.count == 2 && sides[0] > 0 && sides[1] > 0 ? (sides[0], sides[1]) : (16, 9)
        self =
            wide >= high
            ? FrameSize(side * wide / high / 2 * 2, side) : FrameSize(side, side * high / wide / 2 * 2)
    }

    var description: String { "\(width)x\(height)" }
}

/// A film that somebody wants: validated, not yet accepted.
struct Draft: Sendable {
    var model: String
    var prompt: String
    var seconds: Int
    var size: FrameSize
    var reference: ReferenceImage?
    /// The task this one remixes.
    var remixOf: String?
    /// Where the client reaches the sandbox, if it wants links.
    var origin = ""
    /// The client's own id of it, by which it can be asked for too; a key uses one once.
    var alias: String?
    /// Where the vendor keeps it, if it keeps tasks apart.
    var section: String?
    /// What else the vendor tells of it again.
    var facts: JSONObject = [:]
    /// Pictures are wanted instead, from a vendor whose pictures are tasks too.
    var pictures: PictureDraft?
}

/// Pictures that somebody wants: validated, not yet drawn.
struct PictureDraft: Sendable {
    var model: String
    var prompt: String
    var count: Int
    var size: FrameSize
    /// `png`, `jpeg` or `webp`.
    var format: String
    static let countMax = 15
    var reference: ReferenceImage?
    /// Where the client reaches the sandbox, if it wants links; nil: it wants the bytes.
    var origin: String?
}

/// Pictures that were drawn, as files of the render directory.
struct Pictures: Sendable {
    let draft: PictureDraft
    let files: [String]
    let createdAt: Timestamp
    let bytes: @Sendable (String) -> [UInt8]?
}

/// A picture that the film starts from.
struct ReferenceImage: Sendable {
    static let types: [MediaType] = [.png, .jpeg, .webp]

    let bytes: [UInt8]
    let type: MediaType
}

struct Page: Sendable {
    var limit: Int
    var isAscending: Bool
    /// The id that the page comes after.
    var after: String?
}

/// Newest first, for vendors that number their pages, from 1.
struct NumberedPage: Sendable {
    var number: Int
    var size: Int
    var selects: @Sendable (TaskView) -> Bool = { _ in true }
}

/// The forms in which a finished task can be had.
enum Rendition: String, Sendable, CaseIterable {
    case video, thumbnail, spritesheet

    var mediaType: String {
        switch self {
        case .video: "video/mp4"
        case .thumbnail: "image/webp"
        case .spritesheet: "image/jpeg"
        }
    }
}
