#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The independent checker agrees with statements that others made, and tells them from ours.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
mst=${SIGBRIDGE_CORPUS:-../shared/corpus}/mst

if [ ! -d "$mst" ]; then
    echo "skipped: no corpus at $mst (SIGBRIDGE_CORPUS names it)"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { /usr/bin/python3 "$here/check_statement.py" "$@" 2>&1; }

refused() { # WORDS ARGUMENT...
    local words=$1 said
    shift
    if said=$(check "$@"); then
        echo "passed, wanted a refusal: $*" && exit 1
    fi
    grep -qF -- "$words" <<<"$said" || { echo "said: $said; wanted in it: $words" && exit 1; }
}

uvm=$mst/uvm-transparent.cose
said=$(check "$uvm" --foreign --no-time --alg PS384 --subject ContainerPlat-AMD-UVM --svn 104 \
    --content-type application/octet-stream --eku 1.3.6.1.4.1.311.76.59.1.2)
[ "$said" = "ok PS384 did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2" ]

refused "is not valid at" "$uvm" --foreign
refused "differs from its deterministic encoding" "$uvm" --no-time
refused "svn is 104, wanted 105" "$uvm" --foreign --no-time --svn 105
refused "is not the leaf's" "$uvm" --foreign --no-time --eku 1.3.6.1.4.1.311.76.59.1.3
refused "the artifact has another digest" "$uvm" --foreign --no-time --artifact "$uvm"
refused "is not the leaf's" "$mst/cosesigntool-readme.cose" --foreign --no-time
refused "label 1, 15, 33 or 34 is missing" "$mst/attestedsvc.cose" --foreign --no-time

head -c -1 "$uvm" >"$work/short.cose"
refused "not readable" "$work/short.cose" --foreign --no-time
