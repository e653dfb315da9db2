/* stream.c: both ends of streamed chats, for script/bench. Every event carries the moment at which it was sent.
   usage: stream serve PORT EVENTS_PER_SECOND
              an upstream: as many events as the request's max_tokens, the first at once
          stream load PORT PATH KEY STREAMS EVENTS TIMES
              a client: so many streams at once, so often one after the other; prints one line of JSON */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 65536, BUFFER = 16384, SAMPLES_MAX = 4000000 };

typedef struct {
    char bytes[BUFFER];
    int length;
    int left;              /* serve: events still to send, the last words included; 0: none under way */
    long long due, begun;
    int has_first;
} Peer;

static Peer *peers[CONNECTIONS_MAX];

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(int epoll, int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void drop(int fd) {
    close(fd);
    free(peers[fd]);
    peers[fd] = NULL;
}

/* Serving ------------------------------------------------------------------------------------------------------- */

static int chunk(int fd, const char *text) {
    char bytes[512];
    int count = snprintf(bytes, sizeof bytes, "%zx\r\n%s\r\n", strlen(text), text);
    return send(fd, bytes, count, MSG_NOSIGNAL) == count;
}

static int send_next(int fd, Peer *peer, long long interval) {
    char text[400];
    if (peer->left > 1) {
        snprintf(text, sizeof text,
            "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
            "\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%lld\"},\"finish_reason\":null}],"
            "\"usage\":null}\n\n", now());
        peer->due += interval;
        peer->left--;
        return chunk(fd, text);
    }
    peer->left = 0;
    return chunk(fd, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n")
        && chunk(fd, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n"
            "data: [DONE]\n\n")
        && send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL) == 5;
}

/* Whether a whole request is there; then its answer has begun. */
static int begin(int fd, Peer *peer) {
    char *end = strstr(peer->bytes, "\r\n\r\n"), *length = strcasestr(peer->bytes, "content-length:");
    if (!end || !length || end + 4 + atoi(length + 15) > peer->bytes + peer->length) return 1;
    char *most = strstr(end, "\"max_tokens\":");
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    peer->left = (most ? atoi(most + 13) : 10) + 1;
    peer->due = now();
    peer->length = 0;
    return send(fd, head, sizeof head - 1, MSG_NOSIGNAL) == sizeof head - 1;
}

static int serve(int port, int rate) {
    struct sockaddr_in address = loopback(port);
    int listening = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), one = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 4096)) return 1;
    watch(epoll, listening);
    struct epoll_event events[256];
    int highest = 0;
    while (1) {
        int count = epoll_wait(epoll, events, 256, 1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listening) {
                int peer = accept(listening, NULL, NULL);
                if (peer < 0) continue;
                watch(epoll, peer);
                peers[peer] = calloc(1, sizeof(Peer));
                if (peer > highest) highest = peer;
                continue;
            }
            Peer *peer = peers[fd];
            int got = recv(fd, peer->bytes + peer->length, BUFFER - 1 - peer->length, 0);
            if (got <= 0) { drop(fd); continue; }
            peer->length += got;
            peer->bytes[peer->length] = 0;
            if (!begin(fd, peer)) drop(fd);
        }
        long long moment = now();
        for (int fd = 0; fd <= highest; fd++)
            while (peers[fd] && peers[fd]->left > 0 && peers[fd]->due <= moment)
                if (!send_next(fd, peers[fd], 1000000000LL / rate)) drop(fd);
    }
}

/* Load ---------------------------------------------------------------------------------------------------------- */

static int *late, *first;
static int late_count, first_count, whole, broken;

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int percentile(int *values, int count, double part) {
    return count ? values[(int)((count - 1) * part)] : 0;
}

/* Looks at what has come; whether the stream has ended. */
static int look(Peer *peer) {
    static const char mark[] = "\"content\":\"";
    char *rest = peer->bytes, *found;
    long long moment = now();
    while ((found = strstr(rest, mark))) {
        char *end = strchr(found + sizeof mark - 1, '"');
        if (!end) break;
        if (late_count < SAMPLES_MAX) late[late_count++] = (moment - atoll(found + sizeof mark - 1)) / 1000;
        if (!peer->has_first) first[first_count++] = (moment - peer->begun) / 1000;
        peer->has_first = 1;
        rest = end;
    }
    int is_done = strstr(rest, "[DONE]") != NULL;
    int keep = strlen(rest) > 256 ? 256 : (int)strlen(rest);
    if (!found) rest = rest + strlen(rest) - keep;
    /* What was counted must not be seen again. */
    peer->length = strlen(rest);
    memmove(peer->bytes, rest, peer->length + 1);
    if (!found) for (char *old; (old = strstr(peer->bytes, mark)) && strchr(old + sizeof mark - 1, '"');) *old = ' ';
    return is_done;
}

static void load(int port, const char *path, const char *key, int streams, int wanted) {
    char request[1024], body[256];
    int size = snprintf(body, sizeof body,
        "{\"model\":\"gpt-4\",\"stream\":true,\"max_tokens\":%d,\"messages\":[{\"role\":\"user\","
        "\"content\":[]}]}", wanted);
    int length = snprintf(request, sizeof request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\n\r\n%s", path, key, size, body);
    struct sockaddr_in address = loopback(port);
    int epoll = epoll_create1(0), open = 0;
    for (int i = 0; i < streams; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) { broken++; close(fd); continue; }
        watch(epoll, fd);
        peers[fd] = calloc(1, sizeof(Peer));
        peers[fd]->begun = now();
        if (send(fd, request, length, MSG_NOSIGNAL) == length) open++;
        else { broken++; drop(fd); }
    }
    struct epoll_event events[256];
    long long deadline = now() + 120000000000LL;
    while (open > 0 && now() < deadline) {
        int count = epoll_wait(epoll, events, 256, 1000);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            Peer *peer = peers[fd];
            int got = recv(fd, peer->bytes + peer->length, BUFFER - 1 - peer->length, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got > 0) {
                peer->length += got;
                peer->bytes[peer->length] = 0;
            }
            int is_done = got > 0 && look(peer);
            if (got > 0 && !is_done) continue;
            if (is_done) whole++; else broken++;
            drop(fd);
            open--;
        }
    }
    broken += open;
    close(epoll);
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 4 && !strcmp(arguments[1], "serve")) return serve(atoi(arguments[2]), atoi(arguments[3]));
    if (count != 8 || strcmp(arguments[1], "load")) return 2;
    late = malloc(sizeof(int) * SAMPLES_MAX);
    first = malloc(sizeof(int) * SAMPLES_MAX);
    long long began = now();
    for (int i = 0; i < atoi(arguments[7]); i++)
        load(atoi(arguments[2]), arguments[3], arguments[4], atoi(arguments[5]), atoi(arguments[6]));
    double seconds = (now() - began) / 1e9;
    int slow = 0;
    for (int i = 0; i < late_count; i++) slow += late[i] >= 35000 && late[i] < 60000;
    qsort(late, late_count, sizeof(int), ascending);
    qsort(first, first_count, sizeof(int), ascending);
    printf("{\"events\": %d, \"seconds\": %.3f, \"whole\": %d, \"broken\": %d, \"late_p50\": %d, \"late_p99\": %d, "
        "\"late_max\": %d, \"first_p50\": %d, \"first_p99\": %d, \"near_40_ms\": %d}\n",
        late_count, seconds, whole, broken,
        percentile(late, late_count, 0.5), percentile(late, late_count, 0.99), percentile(late, late_count, 1),
        percentile(first, first_count, 0.5), percentile(first, first_count, 0.99), slow);
    return 0;
}
