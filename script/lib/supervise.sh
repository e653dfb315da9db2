# shellcheck shell=bash
# supervise.sh: keeps a few programs running. Needs common.sh. One function is for callers:
#
#   kinora_supervise FOLDER NAME…   starts the services in that order and starts again what dies, until SIGTERM;
#                                   then stops them in the reverse order, each within bounds. The caller defines
#       kinora_service NAME             fills the arrays `command` and the variables `signal` (asks the program
#                                       to stop) and `patience` (seconds until it is killed)
#       kinora_service_started NAME     optional: returns when the next service may start
#
# Each service gets a session of its own: Ctrl-C on the terminal does not reach it, and its process group is
# exactly what it left behind when it died. `setpriv --pdeathsig`: when the supervisor is killed, the kernel
# sends every service its stop signal. FOLDER/run holds one file per process, FOLDER/log what they print.

kinora_log() { printf '%(%F %T)T %s\n' -1 "$*" | tee -a "$kinora_folder/log/server.log"; }

kinora_service_start() { # NAME DELAY
    local command signal patience
    kinora_service "$1"
    # shellcheck disable=SC2016  # expanded by the inner shell
    setsid setpriv --pdeathsig "$signal" bash -c 'sleep "$0"; exec "$@"' "$2" "${command[@]}" \
        </dev/null >>"$kinora_folder/log/$1.log" 2>&1 9>&- &
    kinora_pid[$1]=$! kinora_since[$1]=$SECONDS
    kinora_pid_record "$kinora_folder/run/$1.pid" $!
}

# What a dead service left in its process group: nginx workers, ffmpeg.
kinora_service_sweep() { kill -KILL -- "-${kinora_pid[$1]}" 2>/dev/null || true; }

kinora_service_gone() { ! kill -0 "${kinora_pid[$1]}" 2>/dev/null; }

kinora_service_stop() {
    local command signal patience
    kinora_service "$1"
    kill -s "$signal" "${kinora_pid[$1]}" 2>/dev/null || true
    kinora_wait "$patience" kinora_service_gone "$1" ||
        kinora_log "$1 did not stop within $patience s: killed"
    kinora_service_sweep "$1"
    rm -f "$kinora_folder/run/$1.pid"
}

kinora_ending() { # STATUS: in words
    if (($1 > 128)); then printf 'killed by SIG%s' "$(kill -l $(($1 - 128)))"; else printf 'exit status %d' "$1"; fi
}

# Starts a dead service again: soon the first time, more slowly while it keeps dying young.
kinora_service_again() { # NAME STATUS
    local tenths=${kinora_delay[$1]:-0} seconds
    kinora_service_sweep "$1"
    if ((tenths == 0 || SECONDS - kinora_since[$1] >= 10)); then
        tenths=2
    elif ((tenths < 40)); then
        tenths=$((tenths < 20 ? tenths * 2 : 40))
    fi
    kinora_delay[$1]=$tenths
    seconds=$((tenths / 10)).$((tenths % 10))
    kinora_log "$1 ended ($(kinora_ending "$2")); starting it again in $seconds s"
    kinora_service_start "$1" "$seconds"
}

kinora_supervise() {
    local -A kinora_pid=() kinora_since=() kinora_delay=()
    local kinora_folder=$1 services=("${@:2}") stopping='' ended ticker='' name status index
    set +e                                      # from here on every failure is an event, not an end
    trap 'stopping=yes' TERM
    trap '' INT HUP                             # the terminal's business is the caller's
    exec 2>>"$kinora_folder/log/server.log"     # bash's own remarks about killed children
    kinora_pid_record "$kinora_folder/run/supervisor.pid" "$BASHPID"

    for name in "${services[@]}"; do
        [[ $stopping ]] && break
        kinora_service_start "$name" 0
        if declare -F kinora_service_started >/dev/null; then kinora_service_started "$name"; fi
    done

    # `wait -n` returns as soon as one ends, but when several end at once it may keep quiet about the others:
    # so look at all of them, twice a second.
    until [[ $stopping ]]; do
        ended=
        sleep 0.5 9>&- &
        ticker=$!
        wait -n -p ended
        status=$?
        for name in "${services[@]}"; do
            if [[ $stopping ]] || ! kinora_service_gone "$name"; then continue; fi
            [[ ${kinora_pid[$name]} == "$ended" ]] || { wait "${kinora_pid[$name]}"; status=$?; }
            kinora_service_again "$name" "$status"
        done
    done

    for ((index = ${#services[@]} - 1; index >= 0; index--)); do
        [[ ${kinora_pid[${services[index]}]:-} ]] && kinora_service_stop "${services[index]}"
    done
    kill "$ticker" 2>/dev/null
    wait
    rm -f "$kinora_folder/run/supervisor.pid"
    kinora_log "stopped"
}
