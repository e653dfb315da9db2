# shellcheck shell=bash
# tls.sh: a local certificate authority and one certificate. Needs common.sh.
#
#   kinora_tls_create DIR [HOST_NAME]   makes in DIR, what is missing or out of date:
#       ca.pem, ca.key      the authority, 10 years; clients pass ca.pem to `curl --cacert`
#       cert.pem, key.pem   for localhost, 127.0.0.1, ::1 and HOST_NAME; 825 days (what Apple accepts), made
#                           again in its last 30 days or for another HOST_NAME
#       bundle.pem          the system's authorities and ours: what the application trusts when it calls out

kinora_tls_create() (
    umask 077
    mkdir -p "$1"
    cd "$1" || exit
    if [[ ! -s ca.pem || ! -s ca.key ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ca.key -out ca.pem \
            -days 3650 -subj "/CN=Kinora local authority $(openssl rand -hex 4)" \
            -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign 2>/dev/null
        rm -f cert.pem
    fi
    if [[ ! -s cert.pem || ! -s key.pem ]] || ! openssl x509 -in cert.pem -noout -checkend $((30 * 86400)) >/dev/null ||
        ! openssl x509 -in cert.pem -noout -checkhost "${2:-localhost}" | grep -q 'does match'; then
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout key.pem -out request.pem \
            -subj /CN=localhost 2>/dev/null
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -out cert.pem -days 825 -extfile <(
            echo "subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1${2:+, DNS:$2}"
            echo 'basicConstraints = critical, CA:FALSE'
            echo 'keyUsage = critical, digitalSignature'
            echo 'extendedKeyUsage = serverAuth'
        ) 2>/dev/null
        rm -f request.pem
    fi
    cat /etc/ssl/certs/ca-certificates.crt ca.pem >bundle.pem
)
