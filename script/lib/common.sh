# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this
# common.sh: what every script needs. Source it first; it starts nothing and changes nothing.
#
#   kinora_step TEXT             announces the next numbered step, with the time since the start
#   kinora_note TEXT             a line below the current step
#   kinora_die TEXT              says what is wrong and what to do about it, and exits 1
#   kinora_quote VALUE           prints VALUE quoted for any shell
#   kinora_saved FILE NAME       prints NAME's value from an env file without running the file
#   kinora_unprivileged          fills the array KINORA_AS: empty for an ordinary user; for root a prefix that
#                                runs a command as the system user `kinora`, which it creates when it is missing
#   kinora_pid_record FILE PID   remembers a process by number and start time
#   kinora_pid_alive FILE        prints the number if that very process still runs, else fails
#   kinora_wait SECONDS COMMAND… repeats COMMAND every tenth of a second until it succeeds; fails when time is up

KINORA_STEP=${KINORA_STEP:-0}
KINORA_STARTED=${KINORA_STARTED:-$EPOCHREALTIME}
KINORA_AS=()

kinora_step() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - ${KINORA_STARTED/[.,]/}) / 100000))
    KINORA_STEP=$((KINORA_STEP + 1))
    printf '%3d.%d s  %2d. %s\n' $((tenths / 10)) $((tenths % 10)) "$KINORA_STEP" "$*"
}

kinora_note() { printf '             %s\n' "$*"; }

kinora_die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

kinora_quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

kinora_saved() {
    [[ -r $1 ]] || return 0
    sed -n "s/^\(export\|#\) $2='\(.*\)'\$/\2/p" "$1" | sed "s/'\\\\''/'/g"
}

kinora_unprivileged() {
    ((EUID == 0)) || return 0
    if ! id kinora >/dev/null 2>&1; then
        kinora_note "creating the system user kinora: PostgreSQL refuses to run as root"
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin kinora
    fi
    KINORA_AS=(setpriv --reuid=kinora --regid=kinora --init-groups --no-new-privs --)
}

# The start time tells a process from a later one that got the same number.
kinora_start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra stat <<<"${stat##*) }"     # the name, in brackets, may hold anything; count from behind it
    [[ ${stat[0]} != Z ]] && printf '%s' "${stat[19]}"
}

kinora_pid_record() { printf '%s %s\n' "$2" "$(kinora_start_time "$2")" >"$1"; }

kinora_pid_alive() {
    local pid started
    { read -r pid started <"$1"; } 2>/dev/null || return 1
    [[ $pid =~ ^[1-9][0-9]*$ && $started == "$(kinora_start_time "$pid")" ]] && printf '%s' "$pid"
}

kinora_wait() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}
