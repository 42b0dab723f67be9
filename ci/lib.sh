# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every script of ci/: strict mode, the project's root as current folder, and a
# temporary directory ($scratch, also TMPDIR of everything below) that goes away at exit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export root PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 GCOV_PREFIX_STRIP=0
# Distribution packages live under the distribution's interpreter, whatever PATH says.
python=/usr/bin/python3
export python

scratch=$(mktemp -d)
export TMPDIR=$scratch
trap 'rm -rf "$scratch"' EXIT

# Tests run at once: many of them wait for a token, a server or a clock, so one more than there are processors.
jobs=$(($(nproc) + 1))
export jobs

say() { printf '%s\n' "$*" >&2; }

# A gate's last word: what it looked at, so that a gate that looked at nothing is seen.
passed() { printf '%s: passed, %s\n' "${0##*/}" "$*"; }

die() {
    printf '%s: FAILED, %s\n' "${0##*/}" "$*" >&2
    exit 1
}

softhsm_module() {
    local path
    for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ -e "$path" ] && printf '%s\n' "$path" && return
    done
    die "SoftHSM's module is not installed: run ci/setup"
}

# Where the packages of a folder of debootstrap's come from, which wrote it there; "": seen from inside.
debian_mirror() { # FOLDER
    awk '$1 == "deb" { print $2; exit }' "$1/etc/apt/sources.list"
}

# The folders whose code ships, as far as they exist.
product_folders() {
    local folder
    for folder in include base pkcs11 store provider issuer timestamp cose ledger verify token cli; do
        [ -d "$folder" ] && printf '%s\n' "$folder"
    done
}

# files PATTERN...: files of the tree with these names, never those of a build folder.
files() {
    local names=() pattern
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find . \( -name .git -o -path './build*' \) -prune -o -type f \( "${names[@]:1}" \) -print | sed 's,^\./,,' | sort
}

product_sources() {
    local folders
    mapfile -t folders < <(product_folders)
    find "${folders[@]}" -name '*.c' | sort
}

# build FOLDER OPTION...: configures and builds ($targets, or all); what went wrong is shown when that fails.
targets=(all)
build() {
    local folder=$1
    shift
    mkdir -p "$folder"
    if ! { cmake -S . -B "$folder" -G Ninja "$@" && cmake --build "$folder" --target "${targets[@]}" -- -k 0; } >"$folder/log" 2>&1; then
        grep -E -A 8 '(error|warning|undefined reference|FAILED)' "$folder/log" | head -n 100 >&2 || tail -n 20 "$folder/log" >&2
        die "$folder does not build"
    fi
}
