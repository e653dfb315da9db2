# shellcheck shell=bash
# tls.sh: a local certificate authority and one certificate. Needs common.sh.
#
#   kinora_tls_create DIR [HOST_NAME]   makes in DIR, what is missing or out of date:
#       ca.pem, ca.key      the authority, 10 years; clients pass ca.pem to `curl --cacert`
#       cert.pem, key.pem   for localhost, the hosts of nginx/dialects.conf, 127.0.0.1, ::1 and HOST_NAME; 825 days
#                           (what Apple accepts), made again in its last 30 days or for other names
#       bundle.pem          the system's authorities and ours: what the application trusts when it calls out

kinora_tls_create() (
    umask 077
    local names=(localhost {openart,sora,jimeng}.localhost ${2:+"$2"})
    mkdir -p "$1"
    cd "$1" || exit
    if [[ ! -s ca.pem || ! -s ca.key ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ca.key -out ca.pem \
            -days 3650 -subj "/CN=Kinora local authority $(openssl rand -hex 4)" \
            -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign 2>/dev/null
        rm -f cert.pem
    fi
    if [[ ! -s cert.pem || ! -s key.pem ]] || ! openssl x509 -in cert.pem -noout -checkend $((30 * 86400)) >/dev/null ||
        ! kinora_tls_names cert.pem "${names[@]}"; then
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout key.pem -out request.pem \
            -subj /CN=localhost 2>/dev/null
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -out cert.pem -days 825 -extfile <(
            echo "subjectAltName = IP:127.0.0.1, IP:::1$(printf ', DNS:%s' "${names[@]}")"
            echo 'basicConstraints = critical, CA:FALSE'
            echo 'keyUsage = critical, digitalSignature'
            echo 'extendedKeyUsage = serverAuth'
        ) 2>/dev/null
        rm -f request.pem
    fi
    cat /etc/ssl/certs/ca-certificates.crt ca.pem >bundle.pem
)

# Whether a certificate is good for all these names.
kinora_tls_names() { # CERTIFICATE NAME…
    local name
    for name in "${@:2}"; do
        openssl x509 -in "$1" -noout -checkhost "$name" | grep -q 'does match' || return
    done
}
