#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Time stamps by `openssl ts` with a TSA key in a token: asked for, attached, signed, refused; and what was made is read and
# verified by programs that share no code with it.
# shellcheck source=tests/provider/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../provider/lib.sh"

rig P-256
configure with-pin.cnf "pin-source = $work/pin"
unset OPENSSL_CONF
payload payload.json
sign "${claims[@]}" payload.json -o good.cose -q

# ---- a TSA, and another one ----

tsa() { # NAME TYPE POLICY DIGESTS
    keygen release "$1-root" P-256
    cert root "$token;object=$1-root" "CN=$1 Root" "$1-root.pem"
    keygen release "$1" "$2"
    hsm req -new -key "$token;object=$1" -subj "/CN=$1" -out "$1.csr"
    printf 'extendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature\n' >tsa.ext
    hsm x509 -req -in "$1.csr" -CA "$1-root.pem" -CAkey "$token;object=$1-root" -days 10 -extfile tsa.ext -out "$1.pem" -CAcreateserial
    "$sigbridge" provider wrap -q "$token;object=$1" -o "$1.key"
    printf '%s\n' '[tsa]' 'default_tsa = story' '[story]' "serial = $work/$1-serial" "default_policy = $3" "digests = $4" \
        'signer_digest = sha256' 'accuracy = secs:1,millisecs:500' 'ordering = yes' 'tsa_name = yes' "signer_cert = $work/$1.pem" \
        "certs = $work/$1-root.pem" >"$1.cnf"
    echo 01 >"$1-serial"
}

answer() { # TSA REQUEST RESPONSE
    hsm ts -reply -queryfile "$2" -config "$1.cnf" -section story -signer "$1.pem" -inkey "$1.key" -out "$3"
}

tsa clock RSA-2048 1.2.3.4 'sha256, sha384, sha512'
tsa other P-384 1.2.3.5 sha512

# ---- of the signature ----

"$sigbridge" timestamp request good.cose -o good.tsq 2>err
is "$(cat err)" 'request for a time stamp of the signature in good.cose -> good.tsq'
soft ts -query -in good.tsq -text >asked 2>err
for words in 'Hash Algorithm: sha256' 'Policy OID: unspecified' 'Certificate required: yes' 'Nonce: 0x'; do has asked "$words"; done
answer clock good.tsq good.tsr
trusted=(--tsa-root clock-root.pem)
"$sigbridge" timestamp attach good.cose --timestamp-token good.tsr --timestamp-request good.tsq "${trusted[@]}" -o stamped.cose 2>err
has err 'signature stamped at 20'
has err 'a ledger drops label 270 when it takes the statement in'
has err 'time stamp attached: good.cose -> stamped.cose'
"$sigbridge" timestamp attach good.cose --timestamp-token good.tsr "${trusted[@]}" -o again.cose --json >json
is "$(field json 'd["verified"], d["timestamp"]["label"], d["timestamp"]["of"], d["timestamp"]["policy"]')" "(True, 270, 'signature', '1.2.3.4')"
is "$(field json 'd["timestamp"]["accuracy_microseconds"], d["timestamp"]["latest"] > d["timestamp"]["time"]')" '(1500000, True)'
cmp stamped.cose again.cose
verify stamped.cose 2>err

# in judgement: a stamp by a TSA that is pinned says what time it was; it is told that a ledger drops it
verify stamped.cose "${trusted[@]}" 2>err
has err '(time stamp)'
has err 'time stamp: good, the signature was there at 20'
has err 'does not survive registration'
verify stamped.cose "${trusted[@]}" --json >json
is "$(field json 'd["time_source"], d["timestamp"], d["time"] == d["timestamp_time"]')" "('time stamp', 'good', True)"
verify stamped.cose 2>err
has err '(system clock)'
has err 'time stamp not checked'
verify stamped.cose --tsa-root other-root.pem 2>err
has err '(system clock)'
has err 'time stamp not good: timestamp-untrusted: '
verify stamped.cose --tsa-root other-root.pem --json >json
is "$(field json 'd["time_source"], d["timestamp"]')" "('system clock', 'timestamp-untrusted')"
refused 4 usage 'add --tsa-root' verify stamped.cose --tsa-cert clock.pem
refused 4 cert-unreadable "TSA root 'payload.json'" verify stamped.cose --tsa-root payload.json

# the token alone serves as well as the response; without a root it is said that nothing was verified
soft ts -reply -in good.tsr -token_out -out good.tst 2>err
"$sigbridge" timestamp attach good.cose --timestamp-token good.tst -o unverified.cose 2>err
has err 'the time stamp is not verified: no TSA root is pinned'
cmp stamped.cose unverified.cose
"$sigbridge" timestamp request - -o - -q <good.cose >piped.tsq
soft ts -query -in piped.tsq -text >asked 2>err

# other programs: only one entry is new, the imprint is that of the encoded signature, the token is good
"$python" "$here/stamped.py" good.cose stamped.cose signature token.der data
cmp token.der good.tst
soft ts -verify -data data -in token.der -token_in -CAfile clock-root.pem >out 2>err || die "$(cat err)"
has out 'Verification: OK'
soft ts -verify -queryfile good.tsq -in good.tsr -CAfile clock-root.pem >out 2>err || die "$(cat err)"
soft asn1parse -inform der -in token.der >tree
has tree 'id-smime-ct-TSTInfo'

# what inspection shows, and that nothing of it is checked
"$sigbridge" inspect stamped.cose >out 2>err
for words in '3161-ctt (270): time stamp, ' 'not checked' 'accuracy: 1500000 microseconds' 'ordering: by time alone' 'policy: 1.2.3.4' \
    'imprint: sha256 ' 'nonce: 0x' 'tsa: CN=clock' "signer: subject 'CN=clock'"; do has out "$words"; done
hasnt out verified
is "$(cat err)" 'nothing of this has been checked'
"$sigbridge" inspect stamped.cose --json >json
is "$(field json '[(t["label"], t["policy"], t["hash"]) for t in d["timestamps"]]')" "[(270, '1.2.3.4', 'sha256')]"
is "$(field json "[t['signer'].startswith(\"subject 'CN=clock'; issuer 'CN=clock Root'\") for t in d['timestamps']]")" '[True]'

# ---- of the payload, before it is signed ----

sign "${claims[@]}" payload.json --timestamp-request payload.tsq 2>err
has err 'request for a time stamp of payload.json -> payload.tsq; nothing is signed yet'
[ ! -e payload.json.cose ] || die 'a statement was made'
soft ts -query -in payload.tsq -text >asked 2>err
answer clock payload.tsq payload.tsr
stamp=(--timestamp-token payload.tsr --timestamp-request payload.tsq)
sign "${claims[@]}" payload.json -o ttc.cose "${stamp[@]}" "${trusted[@]}" 2>err
has err 'payload stamped at 20'
verify ttc.cose 2>err
"$python" "$here/stamped.py" good.cose ttc.cose payload token.der data
cmp data payload.json
soft ts -verify -data payload.json -in token.der -token_in -CAfile clock-root.pem >out 2>err || die "$(cat err)"
has out 'Verification: OK'
"$sigbridge" inspect ttc.cose >out 2>err
has out '3161-ttc (269): time stamp, '
"$sigbridge" inspect ttc.cose --json >json
is "$(field json '[t["label"] for t in d["timestamps"]]')" '[269]'

# of a hash envelope, the digest is what is stamped; and both kinds in one statement
sign "${claims[@]}" --hash sha512 payload.json --timestamp-request digest.tsq -q
OPENSSL_CONF=$work/with-pin.cnf openssl ts -reply -queryfile digest.tsq -config other.cnf -section story -signer other.pem \
    -inkey other.key -out refused.tsr 2>err # it stamps SHA-512 alone, and says so
answer clock digest.tsq digest.tsr
sign "${claims[@]}" --hash sha512 payload.json -o both.cose --timestamp-token digest.tsr "${trusted[@]}" -q
"$sigbridge" timestamp request both.cose -o both.tsq -q
answer clock both.tsq both.tsr
"$sigbridge" timestamp attach both.cose --timestamp-token both.tsr "${trusted[@]}" -o both-stamped.cose -q
verify both-stamped.cose --artifact payload.json 2>err
"$python" "$here/stamped.py" both.cose both-stamped.cose signature token.der data
openssl dgst -sha512 -binary payload.json >digest
soft ts -verify -data digest -in digest.tsr -CAfile clock-root.pem >out 2>err || die "$(cat err)"
"$sigbridge" inspect both-stamped.cose --json >json
is "$(field json '[t["label"] for t in d["timestamps"]]')" '[269, 270]'

# ---- refusals ----

attach() { "$sigbridge" timestamp attach good.cose "$@"; }
to=(-o none.cose)

refused 3 timestamp-refused 'the TSA gave no time stamp: status 2 (rejection), ' attach --timestamp-token refused.tsr "${to[@]}"
refused 1 timestamp-imprint 'the time stamp is of other bytes than these' attach --timestamp-token payload.tsr "${trusted[@]}" "${to[@]}"
refused 1 timestamp-imprint 'the time stamp is of other bytes than these' attach --timestamp-token payload.tsr "${to[@]}"
refused 1 timestamp-imprint 'of another digest than the request' attach --timestamp-token good.tsr --timestamp-request payload.tsq "${to[@]}"
refused 1 timestamp-nonce 'has another nonce where the request has one' attach --timestamp-token good.tsr --timestamp-request piped.tsq "${to[@]}"
refused 4 timestamp-malformed 'are not a request for a time stamp' attach --timestamp-token good.tsr --timestamp-request good.cose "${to[@]}"
refused 4 timestamp-malformed 'not one DER SEQUENCE' attach --timestamp-token payload.json "${to[@]}"
refused 4 timestamp-malformed 'neither a time stamp token nor a response' attach --timestamp-token good.tsq "${to[@]}"
refused 3 timestamp-untrusted "the TSA's chain: the chain ends in 'CN=clock Root', which is none of the 1 pinned" attach --timestamp-token good.tsr --tsa-root other-root.pem "${to[@]}"
refused 4 cert-unreadable "TSA root 'payload.json'" attach --timestamp-token good.tsr --tsa-root payload.json "${to[@]}"
refused 4 usage 'add --tsa-root' attach --timestamp-token good.tsr --tsa-cert clock.pem "${to[@]}"
refused 4 exists 'in label 270, which holds one' "$sigbridge" timestamp attach stamped.cose --timestamp-token good.tsr "${to[@]}"
refused 4 exists 'again.cose' attach --timestamp-token good.tsr -o again.cose
refused 4 usage 'would replace the statement' attach --timestamp-token good.tsr -o good.cose --force
refused 4 usage '--timestamp-token is missing' attach "${to[@]}"
refused 4 exists 'good.tsq' "$sigbridge" timestamp request good.cose -o good.tsq
refused 4 usage 'would replace the statement' "$sigbridge" timestamp request good.cose -o good.cose --force
refused 4 cbor '' "$sigbridge" timestamp request payload.json -o none.tsq
for place in signature content; do
    "$python" "$here/stamped.py" spoil good.tst "$place" spoilt.tst
    refused 1 timestamp-signature "the time stamp's signature is " attach --timestamp-token spoilt.tst "${trusted[@]}" "${to[@]}"
done
head -c 70000 /dev/zero >large
refused 4 limit 'a time stamp of 70000 bytes: at most 65536' attach --timestamp-token large "${to[@]}"

# nothing is signed with a token that is not good, or not verified
signing() { sign "${claims[@]}" payload.json -o none.cose "$@"; }
refused 4 usage 'add --tsa-root' signing "${stamp[@]}"
refused 4 usage 'add --timestamp-token' signing "${trusted[@]}"
refused 4 usage 'leave --output out' signing --timestamp-request none.tsq
refused 1 timestamp-imprint 'of other bytes' signing --timestamp-token good.tsr "${trusted[@]}"
refused 3 timestamp-untrusted 'which is none of the 1 pinned root certificates' signing "${stamp[@]}" --tsa-root other-root.pem
refused 4 exists 'payload.tsq' sign "${claims[@]}" payload.json --timestamp-request payload.tsq
