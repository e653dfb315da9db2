/* The only door to libpq. Debian: libpq-dev. */
#ifndef KN_POSTGRES_SHIM_H
#define KN_POSTGRES_SHIM_H

#include <libpq-fe.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* PG_DIAG_* are character macros, which Swift imports as Int32 only after a cast of its own. */
static inline const char *kn_pq_sqlstate(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_SQLSTATE); }
static inline const char *kn_pq_constraint(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME); }
static inline const char *kn_pq_primary(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY); }

/* A descriptor that poll() sees as readable once it is raised: ends a wait for notifications. */
static inline int kn_event_descriptor(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
static inline void kn_event_raise(int fd) {
    eventfd_t one = 1;
    (void)!write(fd, &one, sizeof one);
}
/* Whether it was raised; it is not any more. */
static inline int kn_event_clear(int fd) {
    eventfd_t count;
    return read(fd, &count, sizeof count) == sizeof count;
}

#endif
