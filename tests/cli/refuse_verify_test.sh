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

no 4 anchor-missing 'nothing to trust: pin a root certificate and an EKU' good.cose
no 4 anchor-missing 'nothing to trust: pin a root certificate and an EKU' good.cose --subject svc.example
no 4 anchor-missing 'a root certificate is pinned and no EKU: say which EKU' good.cose --root root.pem
no 4 anchor-missing 'nothing to trust: pin a root certificate and an EKU' good.cose --eku "$eku"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=Stranger -out stranger.pem 2>/dev/null
no 1 chain-root 'which is none of the 1 pinned root certificates' good.cose --root stranger.pem --eku "$eku"
no 2 eku 'lacks the EKU asked for, 2.25.5; ask for one that it has' good.cose --root root.pem --eku 2.25.5
no 1 issuer "where 'did:x509:0:sha256:" good.cose --issuer "${did}1"
no 3 issuer-method 'no other issuer method is supported' good.cose --issuer did:web:example
no 4 did 'its version is not 0' good.cose --issuer did:x509:1:x
no 1 issuer "where 'did:x509:0:sha256:" good.cose "${anchors[@]}" --issuer "${did}1"
no 4 usage "'1.2.x' is not a dotted OID" good.cose --root root.pem --eku 1.2.x

# ---- bytes ----

spoilt untagged 4 tag 'an array where tag 18 (COSE_Sign1) must stand first'
spoilt tag 4 tag 'tag 17 where tag 18 (COSE_Sign1) is wanted'
spoilt trailing 4 trailing-bytes '1 bytes behind the end'
spoilt cut 4 cbor 'where 63 bytes are left'
spoilt not-cbor 4 tag 'must stand first'
spoilt array 4 cose 'has 3 items; 4 are wanted'
spoilt duplicate 4 cbor-duplicate 'a map has a key twice'
spoilt indefinite 4 cbor-indefinite 'where a definite one is wanted'
spoilt deep 4 cbor-depth 'nested deeper than 16'
spoilt crit 4 crit 'a label that is not understood here'
spoilt unprotected-alg 4 header 'alg stands in the unprotected header'
spoilt both-buckets 4 header 'a label stands in both header maps'
spoilt text-alg 4 header 'alg in the protected header is a text'
truncate -s 16777217 huge
no 4 limit 'at most 16777216 are read' huge "${anchors[@]}"
rm huge

# ---- what was signed ----

spoilt signature 1 signature 'take it anew from its source'
spoilt payload 1 signature 'the ES256 signature is wrong'
spoilt short-signature 1 signature 'ES256 signature of 63 bytes where 64 are wanted'
spoilt other-issuer 3 issuer-method 'is not a did:x509'
spoilt no-chain 4 header 'has no certificate chain (label 33)'
spoilt no-claims 4 header 'has no issuer (label 15, claim 1)'
"$python" "$here/mutate.py" non-shortest good.cose tolerated.cose
verify -q tolerated.cose

# ---- correctly signed, and wrong all the same ----

while read -r how exit name words; do
    "$python" -W ignore "$here/foreign.py" "$how" svc.example foreign.cose
    no "$exit" "$name" "$words" foreign.cose --root foreign-root.pem --eku "$eku"
    rm foreign.cose foreign-root.pem
done <<'ROWS'
x5t 1 x5t is not the hash of the leaf certificate; have its maker sign it anew
did-root 1 did-mismatch its fingerprint is of none of the 1 CA certificates
did-eku 1 did-mismatch lacks the EKU that the eku predicate asks for
did-syntax 4 did its fingerprint has 1 bytes where sha256 has 32
did-method 3 issuer-method no other issuer method is supported
no-svn 2 svn the statement has no svn
text-svn 4 header svn in the CWT claims is a text
negative-svn 2 svn the svn is -1
no-subject 2 subject the statement has no subject
no-type 2 content-type the statement has no content type
alg-of-other-curve 2 alg-key signed with ES384, which does not fit the leaf's key
unknown-alg 2 profile algorithm -257 is not one that is judged here
no-alg 4 header the statement names no algorithm (label 1)
short-chain 1 chain-incomplete at least two certificates are wanted
chain-order 1 signature the ES256 signature is wrong
not-a-cert 4 header certificate 1 of x5chain is not one DER SEQUENCE
ROWS
"$python" -W ignore "$here/foreign.py" good svc.example foreign.cose
"$sigbridge" verify -q foreign.cose --root foreign-root.pem --eku "$eku"

# ---- claims ----

no 2 subject 'get the statement about that one' good.cose "${anchors[@]}" --subject other.example
no 2 subject "where 'svc.example.' is wanted" good.cose "${anchors[@]}" --subject svc.example.
no 2 svn 'at least 8 is wanted; get the statement of a newer release' good.cose "${anchors[@]}" --min-svn 8
no 4 usage "'low' is no floor" good.cose "${anchors[@]}" --min-svn low
verify -q good.cose --min-svn 7 --subject svc.example

# ---- time ----

no 2 expired 'judged at 2200-01-01T00:00:00Z' good.cose "${anchors[@]}" --at 2200-01-01T00:00:00Z
no 2 not-yet-valid 'judged at 2000-12-31T22:00:00Z' good.cose "${anchors[@]}" --at 2001-01-01T00:00:00+02:00
no 2 expired 'judged at 2200-01-01T00:00:00Z' good.cose --issuer "$did" --at 2200-01-01T00:00:00Z
no 4 usage 'is not a time' good.cose "${anchors[@]}" --at noon

# ---- revocation ----

no 4 cert-unreadable "CRL 'root.pem': " good.cose "${anchors[@]}" --crl root.pem
no 4 io "cannot read the CRL 'absent'" good.cose "${anchors[@]}" --crl absent
verify good.cose 2>err
has err 'revocation not checked'
"$python" -W ignore "$here/certs.py" leaf.pem "$eku"
"$sigbridge" sign --key "$key" --root soft-root.pem --cert good.pem --chain soft-ca.pem --eku "$eku" --pin-file pin "${claims[@]}" \
    payload.json -o soft.cose -q
soft=(soft.cose --root soft-root.pem --eku "$eku")
"$sigbridge" verify "${soft[@]}" --crl ca.crl --crl root.crl 2>err
has err 'verified soft.cose'
hasnt err 'revocation not checked'
rm err
no 2 revoked 'certificate revoked; it must not be used any more' "${soft[@]}" --crl revoking.crl --crl root.crl
no 2 revoked 'unable to get certificate CRL; give the CRL of its issuer' "${soft[@]}" --crl ca.crl
no 2 revoked 'CRL has expired' "${soft[@]}" --crl ca.crl --crl root.crl --at 2200-01-01T00:00:00Z

# ---- beside the statement ----

no 4 payload '--artifact is for a hash envelope' good.cose "${anchors[@]}" --artifact payload.json
no 4 io "cannot read the statement 'absent'" absent "${anchors[@]}"
