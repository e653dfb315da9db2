# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this
# nginx.sh: turns the templates in nginx/ into an instance's configuration. Needs common.sh.
#
#   kinora_nginx_render SOURCE HOME SOCKETS PORT [HOST_NAME]
#       SOURCE is the repository's nginx/ folder; writes HOME/nginx. The sandbox listens on PORT + 1.
#       KINORA_LISTEN: `loopback` (default without HOST_NAME) or `all` (default with one).
#       KINORA_S3_ENDPOINT, _BUCKET, _ADDRESSING: where media are in a bucket, as the application reads them.
#   kinora_nginx_command HOME      fills the array KINORA_NGINX: nginx with its instance's paths
#
# nginx has no variables in `listen`, `upstream` and `server_name`, hence the words between @ signs.

kinora_nginx_render() {
    local source=$1 home=$2 sockets=$3 port=$4 host=${5:-} ipv4=127.0.0.1 ipv6='[::1]' sites
    local to=$home/nginx
    sites=("$source/local.conf")
    if [[ $host ]]; then sites+=("$source/local-unknown-host.conf"); fi
    if [[ ${KINORA_LISTEN:-${host:+all}} == all ]]; then ipv4=0.0.0.0 ipv6='[::]'; fi

    rm -rf "$to"/{kinora,admin,docs}
    mkdir -p "$to" "$home/log" "$home/run" "$home/tmp"
    cp -R "$source/parts" "$to/kinora"
    cp "$source/dialects.conf" "$to/kinora/"
    cp -R "$source"/{admin,docs} "$to/"
    cp "$source/nginx.conf" "$to/nginx.conf"
    [[ $home == /* && $home$sockets != *[\$\"\\\&\|\;\{\}]* ]] ||
        kinora_die "nginx cannot use the folder $home: give KINORA_HOME a plain absolute path"
    sed -e "s|@PORT@|$port|; s|@SANDBOX_PORT@|$((port + 1))|; s|@SOCKETS@|$sockets|" \
        -e "s|@MEDIA@|$home/media|; s|@RENDERED@|$home/sandbox|; s|@IPV4@|$ipv4|; s|@IPV6@|$ipv6|" \
        -e "s|@SERVER_NAMES@|${host:+$host }localhost|" \
        -e "$([[ -s /proc/net/if_inet6 ]] || echo '/# \[::\] line/d')" "${sites[@]}" >"$to/site.conf"
    [[ ! ${KINORA_S3_ENDPOINT:-} ]] || kinora_nginx_bucket "$source/bucket.conf" "$to/kinora/bucket.conf" "$home"
}

kinora_nginx_bucket() { # TEMPLATE FILE HOME
    local scheme=${KINORA_S3_ENDPOINT%%://*} host=${KINORA_S3_ENDPOINT#*://} name address resolver
    [[ $host =~ ^[a-z0-9.:-]+$|^\[[0-9a-f:]+\](:[0-9]+)?$ && $scheme =~ ^https?$ ]] ||
        kinora_die "KINORA_S3_ENDPOINT is $KINORA_S3_ENDPOINT; it must be like https://s3.example.com:9000"
    [[ ${KINORA_S3_ADDRESSING:-path} == path ]] || host=${KINORA_S3_BUCKET:-}.$host
    name=${host%:*}
    [[ $host =~ :[0-9]+$ ]] || name=$host
    # nginx's own resolver asks name servers only; what is in /etc/hosts is looked up here.
    address=$(getent -s files ahostsv4 "$name" | sed -n 's/ .*//p;q') || true
    resolver=$(sed -n 's/^nameserver *\([0-9.]*\)$/\1/p' /etc/resolv.conf | head -n 1) || true
    sed -e "s|https://s3.example.com|$scheme://${address:-$name}${host#"$name"}|" \
        -e "s|\(bucket_host *\)s3.example.com|\1$host|; s|\(bucket_name *\)s3.example.com|\1$name|" \
        -e "s|127.0.0.53|${resolver:-127.0.0.1}|; s|/etc/ssl/certs/ca-certificates.crt|$3/tls/bundle.pem|" \
        "$1" >"$2"
}

kinora_nginx_command() {
    # -e: the log of the moment before the configuration is read; the built-in one needs root.
    KINORA_NGINX=(/usr/sbin/nginx -p "$1/" -c nginx/nginx.conf -e log/nginx-error.log)
}
