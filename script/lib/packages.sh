# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this
# packages.sh: Debian packages and the Swift toolchain. Needs common.sh.
#
#   kinora_packages_run, kinora_packages_build   arrays: what running and what building needs
#   kinora_install_packages NAME…                installs those that are missing, says which and why; nothing
#                                                happens, not even sudo, when all are there
#   kinora_check_swift                           fails unless a new enough `swift` is in PATH

kinora_packages_run=(nginx postgresql-15 libfcgi0ldbl libpq5 libcurl4 ffmpeg openssl ca-certificates
    curl fonts-dejavu-core fonts-wqy-microhei)
kinora_packages_build=(libfcgi-dev libpq-dev libcurl4-openssl-dev gcc libc6-dev libstdc++-12-dev binutils git
    pkg-config libsqlite3-0 libncurses6 libxml2-dev zlib1g-dev)

declare -A kinora_package_reason=(
    [nginx]="TLS, media and FastCGI in front of the application"
    [postgresql-15]="the database; a private cluster, Debian's own is not created"
    [libfcgi0ldbl]="FastCGI library"
    [libpq5]="PostgreSQL client library"
    [libcurl4]="HTTP client library"
    [ffmpeg]="renders the sandbox's videos, measures uploaded audio"
    [openssl]="makes the local certificate"
    [ca-certificates]="the authorities that vendors' certificates are checked against"
    [curl]="asks whether the service is ready"
    [fonts-dejavu-core]="Latin letters in the sandbox's videos"
    [fonts-wqy-microhei]="Chinese letters in the sandbox's videos"
    [libfcgi-dev]="build: FastCGI headers"
    [libpq-dev]="build: PostgreSQL headers"
    [libcurl4-openssl-dev]="build: HTTP client headers"
    [gcc]="build: Swift links with it"
    [libc6-dev]="build: C headers"
    [libstdc++-12-dev]="build: C++ headers that Swift's importer reads"
    [binutils]="build: the linker"
    [git]="build: fetches Swift packages"
    [pkg-config]="build: finds the C libraries"
    [libsqlite3-0]="build: the Swift package manager needs it"
    [libncurses6]="build: the Swift package manager needs it"
    [libxml2-dev]="build: the Swift package manager needs it"
    [zlib1g-dev]="build: linked into Foundation"
)

kinora_swift_minimum=6.2

kinora_install_packages() {
    local name missing=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        kinora_die "this is not Debian; install by hand what these packages of Debian 12 hold, and run" \
            "script/server with KINORA_PACKAGES=present: $*"
    fi
    for name in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0

    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null && as_root=(sudo)
        if ((${#as_root[@]} == 0)) || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
            kinora_die "packages are missing and this user cannot install them (no sudo). As root:" \
                "apt-get install -y --no-install-recommends ${missing[*]}"
        fi
    fi
    for name in "${missing[@]}"; do
        kinora_note "installing $name${kinora_package_reason[$name]:+ (${kinora_package_reason[$name]})}"
    done
    kinora_apt "${missing[@]}"
}

# Debian starts a service when its package is installed. Ours runs beside it, so keep these two from starting,
# for as long as apt runs: no PostgreSQL cluster `main`, no nginx on port 80. Packages that are installed
# already, and their services, are left alone.
kinora_apt() {
    local no_cluster=/etc/postgresql-common/createcluster.d/kinora.conf no_nginx=
    if [[ " $* " == *" postgresql-15 "* ]]; then
        printf 'create_main_cluster = false\n' | "${as_root[@]}" install -D -m 644 /dev/stdin "$no_cluster"
    fi
    if [[ " $* " == *" nginx "* && -d /run/systemd/system ]]; then
        no_nginx=yes
        "${as_root[@]}" systemctl mask --runtime --quiet nginx.service
    fi

    local status=0
    "${as_root[@]}" apt-get -qq update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@" >/dev/null || status=$?

    if [[ $no_nginx ]]; then
        "${as_root[@]}" systemctl unmask --runtime --quiet nginx.service
        "${as_root[@]}" systemctl disable --quiet nginx.service || true
        kinora_note "Debian's own nginx stays off (systemctl enable --now nginx starts it)"
    fi
    if [[ " $* " == *" postgresql-15 "* ]]; then
        "${as_root[@]}" rm -f "$no_cluster"
        "${as_root[@]}" rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"
    fi
    ((status == 0)) || kinora_die "apt-get failed, see above; put it right and run this script again"
}

kinora_check_swift() {
    local version
    command -v swift >/dev/null || kinora_die "no Swift in PATH: install Swift $kinora_swift_minimum or newer" \
        "(https://www.swift.org/install/linux/) and add its usr/bin to PATH"
    version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [[ $version ]] || kinora_die "swift --version fails; it says: $(swift --version 2>&1 | tail -n 1)"
    [[ $(printf '%s\n' "$kinora_swift_minimum" "$version" | sort -V | head -n 1) == "$kinora_swift_minimum" ]] ||
        kinora_die "Swift $version is too old: $kinora_swift_minimum or newer is needed" \
            "(https://www.swift.org/install/linux/)"
}
