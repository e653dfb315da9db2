/// The head of an MP4 with one track of so many frames of 7 bytes each, 5 s in all: its tables need no more
/// room for a hundred million than for one.
public func film(frames: UInt32) -> [UInt8] {
    func be(_ values: UInt32...) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }
    }
    func box(_ name: String, _ parts: [UInt8]...) -> [UInt8] {
        let body = parts.flatMap { $0 }
        return be(UInt32(8 + body.count)) + Array(name.utf8) + body
    }
    func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    let matrix = be(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
    let sound = box("sowt", zeros(6), [0, 1], zeros(8), [0, 1, 0, 16, 0, 0, 0, 0], be(8000 << 16))
    let table = box(
        "stbl", box("stsd", be(0, 1), sound), box("stts", be(0, 1, frames, 2)),
        box("stsc", be(0, 1, 1, frames, 1)), box("stsz", be(0, 7, frames)), box("stco", be(0, 1, 4096)))
    let home = box("dinf", box("dref", be(0, 1), box("url ", be(1))))
    let media = box(
        "mdia", box("mdhd", be(0, 0, 0, frames / 5, frames * 2), [0x55, 0xC4, 0, 0]),
        box("hdlr", be(0, 0), Array("soun".utf8), zeros(12), [0x78, 0]),
        box("minf", box("smhd", be(0, 0)), home, table))
    let head = box("tkhd", be(3, 0, 0, 1, 0, 5000), zeros(16), matrix, be(64 << 16, 64 << 16))
    let movie = box(
        "mvhd", be(0, 0, 0, 1000, 5000, 0x10000), [1, 0], zeros(10), matrix, zeros(24), be(3))
    return box("ftyp", Array("isom".utf8), zeros(4), Array("isommp42".utf8))
        + box("moov", movie, box("trak", head, media)) + box("mdat", zeros(64))
}
