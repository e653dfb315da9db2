# shellcheck shell=bash
# postgres.sh: a private PostgreSQL cluster, reached by Unix socket only. Needs common.sh; all functions work for
# root too, and then run PostgreSQL as the user kinora (call kinora_unprivileged first).
#
#   kinora_postgres_create DIR             makes a cluster in DIR (missing or empty), once
#   kinora_postgres_command DIR SOCKETS    fills the array KINORA_POSTGRES: the server's command line
#   kinora_postgres_start DIR SOCKETS [LOG]   starts it as a child of this shell, returns when it answers
#   kinora_postgres_stop DIR               stops it at once but cleanly; fine when it does not run
#   kinora_postgres_ready SOCKETS          succeeds when it accepts connections
#   kinora_postgres_database SOCKETS [PASSWORD]   role `kinora` and its database `kinora`, once; sets PASSWORD
#   kinora_postgres_url SOCKETS PASSWORD [DATABASE]   prints the libpq URL
#   kinora_postgres_superuser SOCKETS [psql arguments…]   psql as the superuser
#
# SOCKETS must be short: with "/.s.PGSQL.5432" it may have 107 bytes.
#
# Who may connect: the superuser `postgres` only as the account that owns the cluster (peer, no password exists);
# everyone else by password.

kinora_postgres_bin=/usr/lib/postgresql/15/bin

kinora_postgres_create() {
    [[ -e $1/PG_VERSION ]] && return
    "${KINORA_AS[@]}" mkdir -p -m 700 "$1"
    # C.UTF-8 exists on every Debian; which locale the caller has does not matter.
    "${KINORA_AS[@]}" "$kinora_postgres_bin/initdb" --pgdata="$1" --username=postgres --encoding=UTF8 \
        --locale=C.UTF-8 --auth=peer --data-checksums >/dev/null ||
        kinora_die "initdb could not create a cluster in $1, see above"
    "${KINORA_AS[@]}" tee "$1/pg_hba.conf" >/dev/null <<<'# TYPE  DATABASE     USER      METHOD
local   all          postgres  peer map=owner
local   all          all       scram-sha-256'
    "${KINORA_AS[@]}" tee "$1/pg_ident.conf" >/dev/null <<<"# MAP  SYSTEM-USER  PG-USER
owner  $("${KINORA_AS[@]}" id -un)  postgres"
}

kinora_postgres_command() {
    KINORA_POSTGRES=("$kinora_postgres_bin/postgres" -D "$1" -c listen_addresses=
        -c "unix_socket_directories=$2" -c unix_socket_permissions=0700)
}

# A child of this shell and not pg_ctl's daemon, with --pdeathsig: it cannot outlive the script that started it.
kinora_postgres_start() {
    local log=${3:-$1/server.log}
    kinora_postgres_command "$1" "$2"
    # 9>&-: the server must not keep a lock that its caller holds on that descriptor.
    setsid "${KINORA_AS[@]}" setpriv --pdeathsig INT "${KINORA_POSTGRES[@]}" </dev/null >>"$log" 2>&1 9>&- &
    kinora_postgres_pid=$!
    kinora_wait 60 kinora_postgres_ready_or_gone "$2"
    kinora_postgres_ready "$2" || kinora_die "PostgreSQL does not start; the end of $log: $(tail -n 3 "$log")"
}

kinora_postgres_ready_or_gone() { kinora_postgres_ready "$1" || ! kill -0 "$kinora_postgres_pid" 2>/dev/null; }

kinora_postgres_stop() {
    "${KINORA_AS[@]}" "$kinora_postgres_bin/pg_ctl" --pgdata="$1" status >/dev/null 2>&1 || return 0
    "${KINORA_AS[@]}" "$kinora_postgres_bin/pg_ctl" --pgdata="$1" --silent --wait --mode=fast stop >/dev/null
    wait "${kinora_postgres_pid:-}" 2>/dev/null || true
}

kinora_postgres_ready() { "$kinora_postgres_bin/pg_isready" --quiet --host="$1"; }

kinora_postgres_superuser() {
    local sockets=$1
    shift
    (cd / && "${KINORA_AS[@]}" env -u PGPASSWORD "$kinora_postgres_bin/psql" --no-psqlrc --quiet \
        --set=ON_ERROR_STOP=1 --host="$sockets" --username=postgres --dbname=postgres "$@")
}

kinora_postgres_database() {
    kinora_postgres_superuser "$1" --tuples-only --no-align --set=password="${2:-}" >/dev/null <<'SQL'
-- Not a superuser: what the application needs beyond its own database is to create roles and test databases.
SELECT 'CREATE ROLE kinora LOGIN CREATEDB CREATEROLE'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kinora') \gexec
SELECT 'CREATE DATABASE kinora OWNER kinora'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'kinora') \gexec
SELECT format('ALTER ROLE kinora PASSWORD %L', :'password') WHERE :'password' <> '' \gexec
SQL
}

kinora_postgres_url() { printf 'postgresql://kinora:%s@/%s?host=%s' "$2" "${3:-kinora}" "$1"; }
