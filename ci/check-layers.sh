#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may include whom. The table is the architecture (docs/architecture.md): what a folder may include of ours,
# and of others. The C library is for everybody, but for its network. And nothing links against the network, or asks for
# the version of OpenSSL.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

#       folder   | ours                      | others
table='
        include  |                           | openssl/types.h
        base     |                           | openssl/.*
        pkcs11   | base                      | openssl/.* p11-kit/.*
        store    | base                      | openssl/(bio|conf|crypto|err|evp|provider|rsa|store|types|ui|x509|[a-z0-9]+err).h
        provider | base pkcs11               | openssl/.*
        issuer   | base                      | openssl/.*
        timestamp| base issuer               | openssl/.*
        cose     | base issuer timestamp     | openssl/.*
        ledger   | base cose                 | openssl/.* jansson.h
        verify   | base cose issuer ledger   | openssl/.*
        token    | base pkcs11 issuer        | openssl/.* p11-kit/.*
        cli      |                           | jansson.h
'
libc='assert|ctype|dirent|dlfcn|errno|fcntl|getopt|inttypes|langinfo|limits|locale|poll|pthread|sched|signal|spawn'
libc+='|stdarg|stdalign|stdatomic|stdbool|stddef|stdint|stdio|stdio_ext|stdlib|stdnoreturn|string|strings|termios|threads|time|unistd|wchar'
libc+='|sys/(file|ioctl|mman|prctl|random|resource|stat|syscall|time|types|uio|wait)|linux/(fs|prctl)'

# every include of a folder as FILE:LINE:HEADER
includes() {
    grep -rnoE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+[>"]' "$1" |
        sed -E 's/^([^:]+:[0-9]+):.*[<"]([^>"]+)[>"]$/\1 \2/'
}

allowed() { # FOLDER OURS OTHERS HEADER
    local folder=$1 ours=$2 others=$3 header=$4 word
    [[ $header =~ ^sigbridge/[a-z]+\.h$ ]] && return
    [[ $header =~ ^($libc)\.h$ ]] && return
    # its own headers, by folder or beside it; the public folder and the command have no internal ones for others
    [[ $header == "$folder"/* || $header != */* && -e $folder/$header ]] && return
    for word in $ours; do [[ $header == "$word"/* ]] && return; done
    for word in $others; do [[ $header =~ ^$word$ ]] && return; done
    return 1
}

bad=0
seen=0
known=' '
while IFS='|' read -r folder ours others; do
    folder=${folder//[[:space:]]/}
    [ -n "$folder" ] || continue
    known+="$folder "
    [ -d "$folder" ] || continue
    while read -r where header; do
        seen=$((seen + 1))
        allowed "$folder" "$ours" "$others" "$header" || { say "$where: $folder/ must not include $header"; bad=1; }
    done < <(includes "$folder")
done <<<"$table"
[ "$bad" -eq 0 ] || die "the folders above reach where they must not"
[ "$seen" -gt 0 ] || die "no include found"

# a folder with C in it that the table does not know
for folder in $(files '*.c' '*.h' | sed -n 's,/.*,,p' | sort -u); do
    case $known'tests examples ' in *" $folder "*) ;; *) die "$folder/ is not in the table" ;; esac
done

# What differs between releases of OpenSSL is found by asking for what is there, never by a number.
grep -rnE --include='*.[ch]' 'OPENSSL_(VERSION_(NUMBER|MAJOR|MINOR|PATCH|PREREQ)|API_LEVEL)' . --exclude-dir=build &&
    die "ask whether it is there (#ifdef, a check of CMake), not which version it is"

# Rigs are air-gapped: no network symbol, no library that brings the network.
build build
for binary in build/lib/libsigbridge.so build/bin/sigbridge; do
    if nm -D --undefined-only "$binary" | sed 's/@.*//' |
        grep -wE 'socket|socketpair|connect|bind|listen|accept4?|getaddrinfo|gethostby[a-z_0-9]*|getnameinfo|send(to|msg)?|recv(from|msg)?|inet_[a-z]*|res_[a-z]*|BIO_(s_connect|new_connect|s_accept|new_accept|s_socket)|OSSL_HTTP_.*'; then
        die "$binary reaches for the network"
    fi
done
libraries=$(objdump -p build/bin/sigbridge build/lib/libsigbridge.so | sed -n 's/.*NEEDED *//p' | sort -u)
for library in $libraries; do
    [[ $library =~ ^(libc|libcrypto|libjansson|libsigbridge|libpthread|libdl|ld-linux-[a-z0-9-]+)\.so ]] ||
        die "links against $library, which is not in the list"
done
if objdump -p build/bin/sigbridge | sed -n 's/.*NEEDED *//p' | grep -vE '^(libsigbridge|libjansson|libc)\.so'; then
    die "the command uses the public API and JSON, nothing else"
fi
passed "$seen includes"
