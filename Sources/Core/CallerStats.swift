/// What a caller has had made, and who makes it.
public struct CallerStats: Sendable, Equatable {
    /// Accounts that can make models of the family.
    public let accounts: Int
    public let activeAccounts: Int
    public let imagesToday: Int
    public let images: Int
    public let videosToday: Int
    public let videos: Int
    public let failedToday: Int
    public let failed: Int

    public init(
        accounts: Int, activeAccounts: Int, imagesToday: Int, images: Int, videosToday: Int, videos: Int,
        failedToday: Int, failed: Int
    ) {
        self.accounts = accounts
        self.activeAccounts = activeAccounts
        self.imagesToday = imagesToday
        self.images = images
        self.videosToday = videosToday
        self.videos = videos
        self.failedToday = failedToday
        self.failed = failed
    }
}
