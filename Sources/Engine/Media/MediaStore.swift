public import Core

/// Where finished bytes lie, named by their SHA-256: on disk, or in a bucket. No call here blocks for longer
/// than a disk does; what takes a network's time ends in `completion`, which is called once, on whichever
/// thread, and must only hand over.
public protocol MediaStore: Sendable {
    /// For files that are on their way.
    var spool: MediaSpool { get }
    /// Whether storing waits for another machine.
    var isRemote: Bool { get }

    /// Stores a spooled file; the bytes are durable once `completion` hears no error. The same bytes twice
    /// are one object. The path is free again then, or the caller's to remove.
    func keep(_ path: String, as media: StoredMedia, completion: @escaping @Sendable (KinoraError?) -> Void)

    /// Gives the bytes as a file of this machine.
    func open(
        _ media: StoredMedia, completion: @escaping @Sendable (Result<MediaFile, KinoraError>) -> Void)

    /// Removes bytes that no row names any more. False for those that were stored a moment ago: the same
    /// ones may just be arriving again, their row not yet written.
    func remove(_ media: StoredMedia, completion: @escaping @Sendable (Result<Bool, KinoraError>) -> Void)

    /// Where nginx finds the bytes: a path of an internal location.
    func place(of media: StoredMedia) -> String
}

/// Bytes of the store as a file of this machine.
public struct MediaFile: Sendable {
    public let path: String
    /// Whether it is a copy, which its reader removes.
    public let isCopy: Bool
}

extension MediaStore {
    /// Stores a spooled file and waits for the end of it.
    func keep(_ path: String, as media: StoredMedia) throws(KinoraError) {
        let answer = Guarded<KinoraError?>(nil)
        let hasEnded = Signal()
        keep(path, as: media) { error in
            answer.withLock { $0 = error }
            hasEnded.raise()
        }
        // The store ends every call by itself; this is for one that does not.
        guard hasEnded.wait(for: .seconds(Limits.mediaSeconds(of: media.bytes) + 5)) else {
            throw KinoraError(.storageFailed, detail: "the media store did not answer")
        }
        if let error = answer.withLock({ $0 }) { throw error }
    }
}
