import Glibc
public import Core
public import Upstream

/// Media in an S3-compatible bucket. What lies on disk from before is served from there until it is moved.
public struct BucketMedia: MediaStore {
    public let disk: DiskMedia
    public let isRemote = true
    let bucket: Bucket
    let transport: any Transport
    let clock: any WallClock
    var keptAtLeast = DiskMedia.keptAtLeast

    public init(disk: DiskMedia, bucket: Bucket, transport: any Transport, clock: any WallClock) {
        self.disk = disk
        self.bucket = bucket
        self.transport = transport
        self.clock = clock
    }

    public var spool: MediaSpool { disk.spool }

    public func place(of media: StoredMedia) -> String {
        disk.has(media) ? disk.place(of: media) : "/_bucket\(bucket.link(to: media, at: clock.now))"
    }

    /// Error pages are short.
    static let reply = ReplySink.memory(bytesMax: 64 << 10)

    public func keep(
        _ path: String, as media: StoredMedia, completion: @escaping @Sendable (KinoraError?) -> Void
    ) {
        let call = bucket.put(path, as: media, at: clock.now)
        transport.send(call, to: bucket.party, into: Self.reply) { [bucket] result in
            completion(bucket.putError(result, call))
        }
    }

    public func open(
        _ media: StoredMedia, completion: @escaping @Sendable (Result<MediaFile, KinoraError>) -> Void
    ) {
        if disk.has(media) { return disk.open(media, completion: completion) }
        let call = bucket.get(media, at: clock.now)
        let path = spool.newPath()
        let sink = ReplySink.file(path: path, bytesMax: max(Int(media.bytes), 64 << 10))
        transport.send(call, to: bucket.party, into: sink) { [bucket] result in
            completion(
                Result { () throws(KinoraError) in
                    do throws(KinoraError) {
                        _ = try bucket.checked(result, call, is: [200])
                        return MediaFile(path: path, isCopy: true)
                    } catch {
                        unlink(path)
                        throw error
                    }
                })
        }
    }

    public func remove(
        _ media: StoredMedia, completion: @escaping @Sendable (Result<Bool, KinoraError>) -> Void
    ) {
        guard disk.has(media) else { return look(media, completion) }
        disk.remove(media) { [self] result in
            // It may lie in both, where moving it was cut short.
            if case .success(true) = result { look(media, completion) } else { completion(result) }
        }
    }

    /// Removes an object that is old enough.
    private func look(
        _ media: StoredMedia, _ completion: @escaping @Sendable (Result<Bool, KinoraError>) -> Void
    ) {
        let look = bucket.head(media, at: clock.now)
        transport.send(look, to: bucket.party, into: Self.reply) { [self] result in
            do throws(KinoraError) {
                let reply = try bucket.checked(result, look, is: [200, 404])
                guard reply.status == 200 else { return completion(.success(true)) }
                // Both times are the store's own: its clock may be another one.
                guard let now = reply.headers["date"].flatMap(HTTPDate.init),
                    let stored = reply.headers["last-modified"].flatMap(HTTPDate.init)
                else {
                    throw KinoraError(.storageFailed, detail: "bucket \(bucket.name), HEAD: no time is given")
                }
                guard now.timestamp - stored.timestamp > keptAtLeast else {
                    return completion(.success(false))
                }
            } catch { return completion(.failure(error)) }
            delete(media, completion)
        }
    }

    private func delete(
        _ media: StoredMedia, _ completion: @escaping @Sendable (Result<Bool, KinoraError>) -> Void
    ) {
        let call = bucket.delete(media, at: clock.now)
        transport.send(call, to: bucket.party, into: Self.reply) { [bucket] result in
            completion(
                Result { () throws(KinoraError) in
                    _ = try bucket.checked(result, call, is: [200, 204, 404])
                    return true
                })
        }
    }
}
