#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job: two commands, and everything they tell. Keys of every type, certificates from the token and from files.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-384
payload payload.json
export PIN=1234

# ---- the two commands ----

"$sigbridge" sign --key 'pkcs11:token=release;object=mst' --root root.pem --eku "$eku" --subject svc.example --svn 7 \
    --content-type application/json payload.json -o payload.cose --pin-env PIN >out 2>err
is "$(cat out)" ''
is "$(cat err)" 'signed payload.json -> payload.cose (ES384, sub=svc.example, svn=7)'
"$sigbridge" verify --root root.pem --eku "$eku" --subject svc.example --min-svn 7 payload.cose >out 2>err
is "$(cat out)" ''
did=$("$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku" 2>derivation)
is "$(cat derivation)" ''
has err 'verified payload.cose'
has err "issuer: $did"
has err 'subject: svc.example'
has err 'svn: 7'
has err 'content type: application/json'
has err '(system clock)'
has err 'revocation not checked'
"$sigbridge" verify --issuer "$did" payload.cose 2>err
has err "issuer: $did"
"$sigbridge" issuer resolve "$did" --chain chain.pem
"$python" "$top/tests/interop/check_statement.py" payload.cose --root root.pem --eku "$eku" --subject svc.example \
    --svn 7 --content-type application/json --alg ES384 --payload payload.json

# the demo's other forms: JSON, aliases, -v, -q, a default name, --result
sign "${claims[@]}" payload.json --json --result result.json >json 2>err
is "$(cat err)" ''
cmp json result.json
is "$(field json 'd["ok"], d["exit"], d["error"], d["verb"]')" "(True, 0, None, 'sign')"
is "$(field json 'd["issuer"]')" "$did"
is "$(field json 'd["subject"], d["svn"], d["content_type"], d["alg"]')" "('svc.example', 7, 'application/json', 'ES384')"
is "$(field json 'd["statement"], d["payload"], d["detached"]')" "('payload.json.cose', 'payload.json', False)"
is "$(field json 'd["statement_bytes"]')" "$(stat -c %s payload.json.cose)"
is "$(field json 'len(d["chain"])')" 3
verify --json payload.json.cose >json
is "$(field json 'd["issuer"], d["subject"], d["svn"]')" "('$did', 'svc.example', 7)"
is "$(field json '"revocation not checked" in d["unchecked"], d["time_source"], len(d["chain"])')" "(True, 'system clock', 3)"
sign --sub svc.example --svn=7 --content-type=application/json --payload payload.json --signature alias.cose -v 2>err
has err "issuer: $did"
sign "${claims[@]}" payload.json -oquiet.cose -q >out 2>err
is "$(cat out err)" ''
verify -q quiet.cose >out 2>err
is "$(cat out err)" ''
sign "${claims[@]}" payload.json -o iss.cose -q --cwt-iss "$did" --alg ES384

# ---- the payload comes out as it went in, after verification alone ----

verify -q iss.cose --payload-out again.json
cmp payload.json again.json
verify -q iss.cose --payload-out - >again.json
cmp payload.json again.json
verify iss.cose --payload-out again.json 2>err && die 'overwritten'
has err "exists: 'again.json' exists and is not overwritten"
refused 2 subject 'other.example' verify iss.cose --subject other.example --payload-out never.json
refused 4 usage 'cannot share standard output' verify iss.cose --payload-out -

# ---- standard input and output ----

sign "${claims[@]}" - -o - <payload.json >stream.cose 2>err
has err 'signed - -> - (ES384'
verify -q - <stream.cose
is "$("$sigbridge" verify "${anchors[@]}" --payload-out - -q stream.cose)" "$(cat payload.json)"

# ---- large numbers keep every digit ----

sign --subject s --svn 9007199254740992 --content-type a/b payload.json -o exact.cose --json >json
is "$(field json 'repr(d["svn"])')" 9007199254740992
sign --subject s --svn 9223372036854775807 --content-type a/b payload.json -o most.cose --json >json
is "$(field json 'repr(d["svn"])')" "'9223372036854775807'"
verify --min-svn 9223372036854775807 most.cose --json >json
is "$(field json 'repr(d["svn"])')" "'9223372036854775807'"
sign --subject s --svn 0 --allow-svn-zero --content-type a/b payload.json -o zero.cose
verify -q zero.cose

# ---- time ----

SOURCE_DATE_EPOCH=1750000000 sign "${claims[@]}" payload.json -o dated.cose --json >json
is "$(field json 'd["issued_at"]')" 2025-06-15T15:06:40Z
"$python" "$top/tests/interop/check_statement.py" dated.cose --root root.pem --eku "$eku" --iat 1750000000
sign "${claims[@]}" payload.json -o now.cose --json >json
is "$(field json 'd["issued_at"][:2]')" 20
verify --at "$(date -u -d '+1 day' +%FT%TZ)" now.cose 2>err
has err '(--at)'
# it sets what is claimed, never the time of the check
SOURCE_DATE_EPOCH=1 sign "${claims[@]}" payload.json -o old.cose -q
verify -q old.cose

# ---- certificates from files, in any order, on a token that has none ----

"$sigbridge" token delete -q 'pkcs11:token=release;type=cert;object=mst' --yes --pin-file pin
sign "${claims[@]}" payload.json -o files.cose -q --chain root.pem --chain leaf.pem --chain ca.pem
verify -q files.cose
sign "${claims[@]}" payload.json -o files2.cose -q --cert leaf.pem --chain ca.pem
verify -q files2.cose
sign "${claims[@]}" payload.json -o files3.cose -q --cert chain.pem
verify -q files3.cose
refused 3 cert-absent 'is the signing key' sign "${claims[@]}" payload.json -o never.cose

# ---- every type of key; an EKU of 100 digits ----

long=2.25.1$(printf '%099d' 7)
for type in P-256:ES256 P-521:ES512 RSA-2048:PS256 RSA-3072:PS384 RSA-4096:PS512; do
    name=${type%:*}
    keygen release "$name" "$name"
    cert leaf "pkcs11:token=release;object=$name" "CN=$name" "$name.pem" --eku "$long,$eku" \
        --issuer-key 'pkcs11:token=release;object=ca' --issuer-cert ca.pem
    "$sigbridge" sign --key "pkcs11:token=release;object=$name" --root root.pem --eku "$long" --pin-file pin "${claims[@]}" \
        payload.json -o "$name.cose" 2>err
    has err "(${type#*:}, sub=svc.example, svn=7)"
    "$sigbridge" verify --root root.pem --eku "$long" "$name.cose" 2>err
    has err "::eku:$long"
    # a prefix of a long OID is another OID
    refused 2 eku "lacks the EKU asked for, ${long%7}; ask for one that it has, or use another certificate; it has: " "$sigbridge" verify --root root.pem --eku "${long%7}" "$name.cose"
done

# Ed25519: not for this ledger, fine for others
keygen release ed Ed25519
cert leaf 'pkcs11:token=release;object=ed' CN=ed ed.pem --eku "$eku" --issuer-key 'pkcs11:token=release;object=ca' --issuer-cert ca.pem
key='pkcs11:token=release;object=ed'
refused 2 profile EdDSA sign "${claims[@]}" payload.json -o never.cose
sign "${claims[@]}" payload.json -o ed.cose --profile cose -q
verify -q ed.cose --profile cose
refused 2 profile EdDSA verify ed.cose
