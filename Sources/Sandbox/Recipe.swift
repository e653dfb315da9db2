internal import Core

/// How ffmpeg makes a film.
struct Recipe: Sendable {
    enum Background: Sendable, Equatable {
        /// Two slowly turning colours; `seed` chooses them.
        case gradient(seed: Int)
        /// A picture of one of the three reference types.
        case picture(path: String, MediaType)
    }

    /// Frames per second: enough for a calm picture, and cheap.
    static let frameRate = 12

    var size: FrameSize
    var seconds: Int
    /// Drawn in the middle, wrapped; empty: nothing is.
    var prompt: String
    /// Drawn at the top.
    var label: String
    /// The task whose film it is, and the one it remixes.
    var task: String
    var remixOf: String?
    var reference: ReferenceImage?
    /// A tiny film for everybody, without any text.
    var isBare: Bool

    init(_ draft: Draft, of vendor: String, task: String, _ render: SandboxSettings.Render) {
        isBare = render == .none
        size = isBare ? FrameSize(64, 64) : draft.size
        seconds = isBare ? 1 : draft.seconds
        prompt = render == .prompt ? draft.prompt : ""
        let model = render == .prompt ? "  \(draft.model)" : ""
        label = "SANDBOX  \(vendor)\(model)  \(draft.size)  \(draft.seconds) s"
        self.task = task
        remixOf = render == .prompt ? draft.remixOf : nil
        reference = render == .prompt ? draft.reference : nil
    }

    private var shortSide: Int { min(size.width, size.height) }
    private var fontSize: Int { max(12, shortSide / 18) }

    /// The prompt as lines that fit into the picture.
    var captionLines: [String] {
        Caption.lines(prompt, widthMax: size.width * 17 / fontSize, lineCountMax: size.height / fontSize / 2)
    }

    /// ffmpeg's arguments up to the output file. The two texts are read from files: no character of a prompt
    /// can mean anything to the filter graph.
    func arguments(background: Background, caption: String?, label: String?, font: String?) -> [String] {
        var graph = Self.filter(background, size)
        if remixOf != nil { graph += ",drawbox=color=0xe76f51@0.3:t=fill" }
        let face = font.map { "fontfile=\(FilterText.escaped($0))" } ?? "font=Sans"
        let margin = shortSide / 24
        if let caption {
            graph += ",drawtext=\(face):textfile=\(FilterText.escaped(caption)):expansion=none"
            graph += ":fontsize=\(fontSize):fontcolor=white:line_spacing=\(fontSize / 4)"
            graph += ":box=1:boxcolor=black@0.45:boxborderw=\(fontSize / 2):x=(w-tw)/2:y=(h-th)/2"
        }
        if let label {
            let style = "fontsize=\(fontSize * 2 / 3):fontcolor=white:box=1:boxcolor=black@0.45:boxborderw=6"
            graph += ",drawtext=\(face):textfile=\(FilterText.escaped(label)):expansion=none:\(style)"
            graph += ":x=\(margin):y=\(margin)"
            graph += ",drawtext=\(face):text='%{pts\\:hms}':\(style):x=w-tw-\(margin):y=h-th-\(margin)"
        }
        let tone = "sine=frequency=220:sample_rate=44100:duration=\(seconds),volume=0.02"
        return ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-filter_threads", "1"]
            + Self.input(background) + ["-f", "lavfi", "-i", tone]
            + ["-filter_complex", "[0:v]\(graph),format=yuv420p[v]", "-map", "[v]", "-map", "1:a"]
            + ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-g", "24", "-threads", "1"]
            + ["-c:a", "aac", "-b:a", "32k", "-t", "\(seconds)", "-r", "\(Self.frameRate)"]
            + ["-map_metadata", "-1", "-metadata", "comment=SANDBOX", "-movflags", "+faststart", "-f", "mp4"]
    }

    static func input(_ background: Background) -> [String] {
        switch background {
        case .gradient(let seed):
            // Drawn small and scaled up: a smooth gradient loses nothing by that.
            let colors = [
                "0x1d3557:c1=0x457b9d", "0x264653:c1=0x2a9d8f", "0x3d405b:c1=0x81b29a",
                "0x5f0f40:c1=0x9a031e",
            ]
            let color = colors[seed % colors.count]
            let source = "gradients=s=64x64:r=\(frameRate):c0=\(color):x0=0:y0=0:x1=63:y1=63:speed=0.02"
            return ["-f", "lavfi", "-i", source]
        case .picture(let path, let type):
            // The demuxer is named, so that no content can choose another one.
            let demuxer = type == .png ? "png_pipe" : type == .webp ? "webp_pipe" : "jpeg_pipe"
            return ["-f", demuxer, "-framerate", "\(frameRate)", "-i", "file:\(path)"]
        }
    }

    static func filter(_ background: Background, _ size: FrameSize) -> String {
        let (w, h) = (size.width, size.height)
        switch background {
        case .gradient:
            return "scale=\(w):\(h):flags=bilinear,setsar=1,format=yuv420p"
        case .picture:
            // Decoded and scaled once, then repeated.
            return "scale=\(w):\(h):force_original_aspect_ratio=increase,crop=\(w):\(h),setsar=1,"
                + "format=yuv420p,loop=loop=-1:size=1:start=0"
        }
    }

    /// The arguments that make a still rendition of a finished film.
    static func arguments(for rendition: Rendition, ofFilm path: String, seconds: Int) -> [String] {
        let head = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i", "file:\(path)"]
        switch rendition {
        case .video, .thumbnail:
            return head + ["-frames:v", "1", "-c:v", "libwebp", "-quality", "75", "-f", "webp"]
        case .spritesheet:
            return head + ["-vf", "fps=12/\(seconds),scale=240:-2,tile=4x3", "-frames:v", "1"]
                + ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "mjpeg"]
        }
    }
}
