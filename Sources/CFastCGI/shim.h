/* The only door to libfcgi (Debian: libfcgi-dev), and to the Linux calls its server needs that Swift's own C
   library module leaves out because they want _GNU_SOURCE. */
#ifndef KN_FASTCGI_SHIM_H
#define KN_FASTCGI_SHIM_H

#include <fastcgi.h>
#include <fcgiapp.h>
#include <malloc.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* glibc's values; the macros stand behind _GNU_SOURCE. */
enum { KN_POLLRDHUP = 0x2000 };

extern int accept4(int listening, struct sockaddr *address, socklen_t *length, int flags);

static inline int kn_accept(int listening) { return accept4(listening, 0, 0, SOCK_CLOEXEC); }

static inline void kn_limit_arenas(int arenas) { mallopt(M_ARENA_MAX, arenas); }

/* The pieces of epoll that Swift sees as enumerations of different types, as plain numbers. */
static inline int kn_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int kn_epoll_gate(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
static inline int kn_epoll_set(int epoll, int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    return epoll_ctl(epoll, operation, fd, &event);
}
/* Waits for one event and returns its descriptor, or -1. Says whether the peer may be gone. */
static inline int kn_epoll_next(int epoll, bool *hung_up) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) return -1;
    *hung_up = (event.events & ~EPOLLIN) != 0;
    return event.data.fd;
}
/* What is ready at this moment, at most two descriptors. How many. */
static inline int kn_epoll_ready(int epoll, int *fds) {
    struct epoll_event events[2];
    int count = epoll_wait(epoll, events, 2, 0);
    for (int i = 0; i < count; i++) fds[i] = events[i].data.fd;
    return count < 0 ? 0 : count;
}
enum {
    KN_EPOLL_READABLE = EPOLLIN,
    KN_EPOLL_READABLE_ONCE = EPOLLIN | EPOLLONESHOT,
    KN_EPOLL_CONNECTION_ONCE = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT
};

#endif
