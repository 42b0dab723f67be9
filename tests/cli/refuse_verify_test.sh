#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What verification refuses, by every kind of fault; never the word of success, never a payload file.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
sign "${claims[@]}" payload.json -o good.cose -q
did=$("$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku")
verify -q good.cose

no() { # EXIT NAME WORDS OPTION...: refused, in JSON and in words
    refused "$1" "$2" "$3" "$sigbridge" verify --payload-out never.json "${@:4}"
    "$sigbridge" verify "${@:4}" >out 2>err </dev/null && die 'accepted'
    is "$(cat out)" ''
    has err "sigbridge verify: $2: "
    hasnt err verified
    rm out err
}
spoilt() { # HOW EXIT NAME WORDS OPTION...: the good statement, spoilt
    "$python" "$here/mutate.py" "$1" good.cose spoilt.cose
    no "$2" "$3" "$4" "${anchors[@]}" spoilt.cose "${@:5}"
    rm spoilt.cose
}

# ---- anchors ----

no 4 anchor-missing '' good.cose
no 4 anchor-missing '' good.cose --subject svc.example
no 4 anchor-missing '' good.cose --root root.pem
no 4 anchor-missing '' good.cose --eku "$eku"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=Stranger -out stranger.pem 2>/dev/null
no 1 chain-root '' good.cose --root stranger.pem --eku "$eku"
no 2 eku 'lacks the EKU asked for' good.cose --root root.pem --eku 2.25.5
no 1 issuer '' good.cose --issuer "${did}1"
no 3 issuer-method '' good.cose --issuer did:web:example
no 4 did '' good.cose --issuer did:x509:1:x
no 1 issuer '' good.cose "${anchors[@]}" --issuer "${did}1"
no 4 usage '' good.cose --root root.pem --eku 1.2.x

# ---- bytes ----

spoilt untagged 4 tag ''
spoilt tag 4 tag ''
spoilt trailing 4 trailing-bytes ''
spoilt cut 4 cbor ''
spoilt not-cbor 4 tag ''
spoilt array 4 cose ''
spoilt duplicate 4 cbor-duplicate ''
spoilt indefinite 4 cbor-indefinite ''
spoilt deep 4 cbor-depth ''
spoilt crit 4 crit ''
spoilt unprotected-alg 4 header ''
spoilt both-buckets 4 header ''
spoilt text-alg 4 header ''
truncate -s 16777217 huge
no 4 limit '' huge "${anchors[@]}"
rm huge

# ---- what was signed ----

spoilt signature 1 signature ''
spoilt payload 1 signature ''
spoilt short-signature 1 signature ''
spoilt other-issuer 3 issuer-method 'is not a did:x509'
spoilt no-chain 4 header ''
spoilt no-claims 4 header ''
"$python" "$here/mutate.py" non-shortest good.cose tolerated.cose
verify -q tolerated.cose

# ---- claims ----

no 2 subject 'other.example' good.cose "${anchors[@]}" --subject other.example
no 2 subject '' good.cose "${anchors[@]}" --subject svc.example.
no 2 svn '8' good.cose "${anchors[@]}" --min-svn 8
no 4 usage "'low' is no floor" good.cose "${anchors[@]}" --min-svn low
verify -q good.cose --min-svn 7 --subject svc.example

# ---- time ----

no 2 expired '' good.cose "${anchors[@]}" --at 2200-01-01T00:00:00Z
no 2 not-yet-valid '' good.cose "${anchors[@]}" --at 2001-01-01T00:00:00+02:00
no 2 expired '' good.cose --issuer "$did" --at 2200-01-01T00:00:00Z
no 4 usage 'is not a time' good.cose "${anchors[@]}" --at noon

# ---- revocation ----

no 4 cert-unreadable "CRL 'root.pem': " good.cose "${anchors[@]}" --crl root.pem
no 4 io "cannot read the CRL 'absent'" good.cose "${anchors[@]}" --crl absent

# ---- beside the statement ----

no 4 payload '--artifact is for a hash envelope' good.cose "${anchors[@]}" --artifact payload.json
no 4 io "cannot read the statement 'absent'" absent "${anchors[@]}"
