import Core
import Engine
import Upstream

extension Configuration {
    var disk: DiskMedia {
        DiskMedia(directory: mediaDirectory, spool: MediaSpool(directory: spoolDirectory))
    }

    /// The bucket as a media store, and its transport, not yet started; nil when media stay on disk. Throws
    /// `configuration`.
    ///
    /// The transport reaches private addresses: it calls nothing but the endpoint that the operator named,
    /// and follows no redirect. That it is one of its own keeps vendors and bucket from waiting for each
    /// other.
    func bucketMedia(
        _ clock: any WallClock
    ) throws(KinoraError) -> (media: BucketMedia, transport: CurlTransport)? {
        guard let bucket = try bucket() else { return nil }
        let transport = try transport(.open)
        return (BucketMedia(disk: disk, bucket: bucket, transport: transport, clock: clock), transport)
    }

    private func bucket() throws(KinoraError) -> Bucket? {
        guard !s3Endpoint.isEmpty else { return nil }
        let text = try readSecretFile(
            s3KeyPath, of: "KINORA_S3_KEY_FILE", advice: "It holds access key and secret key, a line each.")
        let lines = text.revealed().split(whereSeparator: \.isNewline).map { String($0).trimmedText }
        guard lines.count == 2, lines.allSatisfy(Self.isKey) else {
            throw KinoraError(
                .configuration, "\(s3KeyPath) must hold access key and secret key, a line each.")
        }
        guard !s3Region.isEmpty, Self.isKey(s3Region) else {
            throw KinoraError(.configuration, "KINORA_S3_REGION must be a word like us-east-1.")
        }
        return try Bucket(
            endpoint: s3Endpoint, name: s3Bucket, addressing: s3Addressing,
            signer: RequestSigner(accessKey: lines[0], secret: Secret(lines[1]), region: s3Region))
    }

    /// Visible ASCII, as it stands in a header.
    static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
