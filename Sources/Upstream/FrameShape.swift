#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A frame as vendors name it that take no pixels: by its ratio, and by its shorter side (`720p`).
struct FrameShape {
    let ratio: String
    /// 480, 720 or 1080.
    let level: Int

    /// Reads `1280x720`, and finds the nearest of the vendor's ratios. Nil for anything else.
    init?(_ size: String, among ratios: [String]) {
        func pair(_ text: String, _ mark: Character) -> (Double, Double)? {
            let halves = text.split(separator: mark).compactMap { Double($0) }
            return halves.count == 2 && halves[0] > 0 && halves[1] > 0 ? (halves[0], halves[1]) : nil
        }
        guard let (width, height) = pair(size, "x") else { return nil }
        func distance(_ ratio: String) -> Double {
            pair(ratio, ":").map { abs(log($0.0 / $0.1 * height / width)) } ?? .infinity
        }
        guard let nearest = ratios.min(by: { distance($0) < distance($1) }) else { return nil }
        ratio = nearest
        let shortSide = min(width, height)
        level = shortSide <= 600 ? 480 : shortSide <= 900 ? 720 : 1080
    }
}
