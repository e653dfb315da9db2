public import Core
import Glibc
import Upstream

/// What commands do with a bucket: they may wait.
extension BucketMedia {
    /// Writes, reads and deletes a small object. Throws what does not work.
    public func prove() throws(KinoraError) {
        // Never the same twice: it is nobody else's.
        let bytes = Array("kinora check \(TaskID.random().description)".utf8)
        let (path, media) = try spool.write(bytes, type: .png)
        defer { unlink(path) }
        try keep(path, as: media)
        let get = bucket.get(media, at: clock.now)
        let reply = try bucket.checked(answer(to: get), get, is: [200])
        guard reply.body == bytes else {
            throw KinoraError(.storageFailed, detail: "bucket \(bucket.name), GET: it gives other bytes")
        }
        let delete = bucket.delete(media, at: clock.now)
        _ = try bucket.checked(answer(to: delete), delete, is: [200, 204])
    }

    private func answer(to call: HTTPCall) -> Result<HTTPReply, TransportFailure> {
        transport.answer(to: call, from: bucket.party, into: Self.reply)
    }

    /// Puts a file of the disk into the bucket and removes it from the disk. Bytes that are not what their
    /// name says are refused by the bucket, and stay.
    public func move(_ media: StoredMedia) throws(KinoraError) {
        let path = disk.path(of: media)
        try keep(path, as: media)
        guard unlink(path) == 0 || errno == ENOENT else { throw MediaSpool.fault("unlink", path) }
    }
}
