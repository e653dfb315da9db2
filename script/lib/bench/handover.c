/* handover.c: the least that two sessions of PostgreSQL need to hand something over, as a reference for the time from
   commit to pick-up. One adds a row and notifies, in a transaction; the other hears of it and changes the row, in
   another. A line of standard input starts one, and is answered by a line once the row has changed.
   usage: handover DATABASE_URL */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static PGconn *open_session(const char *url) {
    PGconn *session = PQconnectdb(url);
    if (PQstatus(session) == CONNECTION_OK) return session;
    fputs(PQerrorMessage(session), stderr);
    exit(1);
}

static void run(PGconn *session, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fputs(PQerrorMessage(session), stderr);
        exit(1);
    }
    PQclear(result);
}

static void *take(void *url) {
    PGconn *session = open_session(url);
    run(session, PQexec(session, "LISTEN bench_handover"));
    run(session, PQprepare(session, "take",
        "UPDATE bench_handover SET taken = pg_current_xact_id()::xid WHERE taken IS NULL", 0, NULL));
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd socket = {.fd = PQsocket(session), .events = POLLIN};
        if (poll(&socket, 1, -1) < 0 || !PQconsumeInput(session)) exit(1);
        PGnotify *notification;
        while ((notification = PQnotifies(session))) {
            PQfreemem(notification);
            run(session, PQexecPrepared(session, "take", 0, NULL, NULL, NULL, 0));
            puts("taken");
            fflush(stdout);
        }
    }
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    PGconn *session = open_session(arguments[1]);
    run(session, PQprepare(session, "add",
        "WITH added AS (INSERT INTO bench_handover (added) VALUES (pg_current_xact_id()::xid)) "
        "SELECT pg_notify('bench_handover', '')", 0, NULL));
    pthread_t id;
    if (pthread_create(&id, NULL, take, arguments[1]) != 0) return 1;
    char line[16];
    while (fgets(line, sizeof line, stdin)) run(session, PQexecPrepared(session, "add", 0, NULL, NULL, NULL, 0));
    return 0;
}
