/// Bounds that are facts of the product, not settings. nginx's own limits are compared with these by
/// TidyTests.
public enum Limits {
    /// Most bytes of a JSON body: room for reference images as data URLs.
    public static let jsonBodyBytesMax = 20 << 20
    /// Most bytes of an urlencoded body: nobody sends media that way.
    public static let urlencodedBodyBytesMax = 1 << 20
    /// Most pairs of an urlencoded body or of a query.
    public static let queryPairsMax = 1000
    /// Most values of one JSON text, those inside of others counted too: each takes memory.
    public static let jsonValuesMax = 200_000
    /// Most bytes of a multipart body; nginx refuses earlier (parts/limits.conf).
    public static let formBodyBytesMax = 64 << 20
    /// Most bytes of one text field of a form.
    public static let formFieldBytesMax = 1 << 20
    /// Most files of a form.
    public static let formFilesMax = 16
    /// Most bytes of one reference image.
    public static let referenceBytesMax = 30 << 20
    /// Longest time to fetch one reference from its address.
    public static let referenceFetchSecondsMax = 30
    /// Most references that are fetched at once, and of those for one user: each holds a thread.
    public static let referenceFetchesMax = 16
    public static let referenceFetchesPerUserMax = 4
    /// Newest tasks among which a client's list filters and counts.
    public static let tasksCountedMax = 10_000
    /// Longest address of a reference, in characters.
    public static let addressCharactersMax = 2048
    /// Most bytes left unread of a refused body before the connection is closed instead of drained.
    public static let drainBytesMax = 1 << 20
    /// Longest `?wait=` and synchronous wait. nginx's fastcgi_read_timeout is 30 s more.
    public static let syncWaitSecondsMax = 600
    /// Longest time that a client is told of one task without asking again.
    public static let followSecondsMax = 3600
    /// Most lines of a batch, and the longest time that submitting them may take: less than nginx waits.
    public static let batchLinesMax = 1000
    public static let batchSecondsMax = 240
    /// Most values of the JSON of one line.
    public static let batchLineValuesMax = 1000
    /// Longest prompt in characters, and so the longest text of a field that is no media.
    public static let promptCharactersMax = 32_000
    /// Longest name of a model, or of an end user.
    public static let nameCharactersMax = 128
    /// Longest Idempotency-Key.
    public static let idempotencyKeyCharactersMax = 255
    /// Codes that do not exist and that a key may try within an hour.
    public static let wrongCodesPerHourMax = 10
    /// Tries of a task before its last refusal is final.
    public static let taskAttemptsMax = 12
    /// Most attempts of a task of which the last was refused by an account that is full: it waits, and its
    /// deadline ends it; this bounds what is kept of it.
    public static let taskThrottlesMax = 2000
    /// Accounts that may refuse a task before the refusal is final; being full is no refusal.
    public static let accountsTriedMax = 5
    /// First rest of an account after an error. The next ones are three times as long each, and all of them
    /// vary by a quarter, so that accounts do not come back in step.
    public static let coolingSecondsFirst: Int64 = 2
    /// Longest such rest.
    public static let coolingSecondsMax: Int64 = 600
    /// Longest rest that a vendor may ask for: a day.
    public static let retryAfterSecondsMax: Int64 = 86_400
    /// How long after its deadline a finished vendor task may still be stored.
    public static let storingGrace = Duration.seconds(3600)
    /// Longest submit to a vendor, upload included. Until it has surely ended, a task that the vendor does
    /// not know may still arrive.
    public static let submitSecondsMax = 60
    /// Longest time a task may be given to run, whatever a setting says: a week.
    public static let timeoutSecondsMax: Int64 = 604_800
    /// A worker without a heartbeat for this long is dead: its tasks are taken over.
    public static let workerSilenceSecondsMax = 10
    /// Time between heartbeats.
    public static let heartbeatSeconds = 3
    /// Most bytes of a vendor's JSON answer.
    public static let vendorReplyBytesMax = 8 << 20
    /// Most bytes of a text model's answer that is not streamed: 2,048 embeddings of 3,072 numbers.
    public static let relayReplyBytesMax = 128 << 20
    /// Longest time that one piece of a text model's answer may take to get to its reader.
    public static let readerSilenceSecondsMax = 90
    /// Most bytes of a refusal that are read.
    public static let refusalBytesMax = 64 << 10
    /// Most bytes of a vendor's callback, which nobody reads.
    public static let callbackBodyBytesMax = 64 << 10
    /// Longest time a receiver may take to accept a webhook.
    public static let webhookSecondsMax = 15
    /// Most webhooks under way at once, and of those for one endpoint: a slow receiver holds up itself only.
    /// Where half of them are under way, an endpoint has one at a time: many slow ones hold up themselves.
    public static let webhooksMax = 64
    public static let webhooksPerEndpointMax = 8
    /// So many deliveries given up in a row switch an endpoint off.
    public static let webhookFailuresMax = 50
    /// So many days without a success do too.
    public static let webhookFailingDaysMax = 5
    /// How long the log of deliveries is kept.
    public static let webhookLogDays = 30
    /// Longest time that the bridge may take to answer.
    public static let bridgeSecondsMax = 30
    /// Longest time that it may take to make a character, and how long nobody else tries: longer than that.
    public static let bridgeCreationSecondsMax = 120
    public static let cameoBusySeconds = 150
    /// Most bytes of a video that becomes a character: it goes to the bridge inside of JSON.
    public static let cameoVideoBytesMax = 14 << 20
    /// Most characters of a user.
    public static let cameosPerUserMax = 1000
    /// Most bytes of its answer.
    public static let bridgeReplyBytesMax = 1 << 20
    /// Most calls to the bridge under way at once, and of those for one user: each holds a thread.
    public static let bridgeCallsMax = 16
    public static let bridgeCallsPerUserMax = 4
    /// Longest cursor of a feed.
    public static let cursorBytesMax = 2048
    /// Most accounts that the bridge may choose from.
    public static let bridgeAccountsMax = 1000
    /// Most bytes of a receiver's answer that are looked at; they stand in the log.
    public static let webhookReplyBytesMax = 512
    /// Most bytes of a vendor's answer that holds pictures, as base64. It goes to the disk.
    public static let pictureReplyBytesMax = 512 << 20
    /// Most bytes of one picture.
    public static let pictureBytesMax = 64 << 20
    /// Most reference images of one task, whatever its model's rules say.
    public static let imageReferencesMax = 16
    /// Most bytes of a result.
    public static let resultBytesMax = 2 << 30
    /// Longest time for a bucket to answer about an object.
    public static let mediaCallSecondsMax = 10
    /// Short calls that may store references in a bucket at once: one that hangs must not hold every thread.
    public static let fastUploadsMax = 8
    /// Rows of each log that a process keeps in memory while they cannot be written; later ones are lost.
    public static let logRowsMax = 10_000
    /// Most rows of each log that one statement writes.
    public static let logBatchRowsMax = 1000
    /// Rows of the request log for failures without a caller, of a process: so many a second, and so many at
    /// once.
    public static let strangerRowsPerSecondMax = 10
    public static let strangerRowsAtOnceMax = 20
    /// How long others are counted before their number is told.
    public static let strangerRowsToldSeconds = 60
    /// Rows of a log that whoever begins to follow it is shown first.
    public static let logReplayRowsMax = 200
    /// Rows that wait for a slow follower; the oldest make room for more.
    public static let logUnreadRowsMax = 1000
    /// Most characters of a text in a log that comes from outside.
    public static let logTextCharactersMax = 1000
    /// How long accepted requests may take to finish after SIGTERM.
    public static let drainSecondsMax = 8

    /// Longest time that so many bytes may take to or from a bucket: ten seconds, and one for each MiB.
    public static func mediaSeconds(of bytes: Int64) -> Int { mediaCallSecondsMax + Int(bytes >> 20) }
}
