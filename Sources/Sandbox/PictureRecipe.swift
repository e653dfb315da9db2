internal import Core

/// How ffmpeg draws a picture.
struct PictureRecipe: Sendable {
    let size: FrameSize
    let prompt: String
    let label: String
    let id: String
    let format: String
    let reference: ReferenceImage?
    /// The file that all pictures of this size and format share; nil: each is drawn for itself.
    let sharedFile: String?

    init(_ draft: PictureDraft, of vendor: String, id: String, _ render: SandboxSettings.Render) {
        size = render == .none ? FrameSize(64, 64) : draft.size
        prompt = render == .prompt ? draft.prompt : ""
        let origin = render == .prompt ? "  \(vendor)  \(draft.model)" : ""
        label = "SANDBOX\(origin)  \(draft.size)"
        self.id = id
        format = draft.format
        reference = render == .prompt ? draft.reference : nil
        sharedFile = render == .prompt ? nil : FilmFile.sharedPicture(size, draft.format)
    }

    private var shortSide: Int { min(size.width, size.height) }
    private var fontSize: Int { max(12, shortSide / 18) }

    var captionLines: [String] {
        Caption.lines(prompt, widthMax: size.width * 17 / fontSize, lineCountMax: size.height / fontSize / 2)
    }

    /// As `Recipe.arguments`.
    func arguments(background: Recipe.Background, caption: String?, label: String, font: String?) -> [String]
    {
        var graph = Recipe.filter(background, size)
        let face = font.map { "fontfile=\(FilterText.escaped($0))" } ?? "font=Sans"
        if let caption {
            graph += ",drawtext=\(face):textfile=\(FilterText.escaped(caption)):expansion=none"
            graph += ":fontsize=\(fontSize):fontcolor=white:line_spacing=\(fontSize / 4)"
            graph += ":box=1:boxcolor=black@0.45:boxborderw=\(fontSize / 2):x=(w-tw)/2:y=(h-th)/2"
        }
        graph += ",drawtext=\(face):textfile=\(FilterText.escaped(label)):expansion=none"
        graph += ":fontsize=\(fontSize * 2 / 3):fontcolor=white:box=1:boxcolor=black@0.45:boxborderw=6"
        graph += ":x=\(shortSide / 24):y=\(shortSide / 24)"
        return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-filter_threads", "1"]
            + Recipe.input(background) + ["-filter_complex", "[0:v]\(graph)[v]", "-map", "[v]"]
            + ["-frames:v", "1", "-threads", "1", "-map_metadata", "-1"] + encoder
    }

    private var encoder: [String] {
        switch format {
        case "webp": ["-c:v", "libwebp", "-quality", "75", "-f", "webp"]
        case "jpeg": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "mjpeg"]
        default: ["-c:v", "png", "-pix_fmt", "rgb24", "-f", "image2pipe"]
        }
    }
}
