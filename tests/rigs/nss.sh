# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh has is used here, and what is here by the stories
# SPDX-License-Identifier: Apache-2.0
# NSS softokn: a database is a token. It starts only with a string of its own, and refuses the attributes that
# "sigbridge token keygen" asks for, so its keys come from certutil.
nss_module=$(module_file libsoftokn3.so)
nss_label='NSS%20Certificate%20DB'

nss_new() { # FOLDER OPTION...: a database; --empty-password: without a user PIN
    mkdir "$work/$1"
    certutil -N -d "sql:$work/$1" "${@:2}"
}

# What C_Initialize must be given.
nss_args() { # FOLDER
    printf "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=" "$work/$1"
}

# certutil makes a key together with a certificate, which nobody trusts.
nss_key() { # FOLDER LABEL OPTION...
    head -c 64 /dev/urandom >"$work/noise"
    certutil -S -d "sql:$work/$1" -n "$2" -s "CN=$2" -x -t ,, -z "$work/noise" "${@:3}" >"$work/certutil.log" 2>&1 ||
        die "$(cat "$work/certutil.log")"
}

# A key has no label here; its id is what certutil lists it by.
nss_uri() { # FOLDER LABEL ATTRIBUTES OPTION...
    certutil -K -d "sql:$work/$1" "${@:4}" | sed -n "s/^<.*> [a-z]* *\([0-9a-f]*\) .*:$2\$/\1/p" | sed 's/../%&/g' |
        { read -r id && printf 'pkcs11:token=%s;id=%s?%s' "$nss_label" "$id" "$3"; }
}
