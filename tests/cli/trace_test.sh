#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --trace: each Cryptoki call with its result and duration, one line and one write each; no PIN, no argument of any
# call; nothing at all without it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

pin=Zq7-secret-PIN-4f1d9c
softhsm
(umask 077 && printf '%s\n' "$pin" >pin)
line='^trace: C_[A-Za-z]+ CKR_[A-Z0-9_a-z]+ [0-9]+ us$'

# traced FILE COMMAND...: the lines of the trace go to FILE; every line that begins as one is whole.
traced() {
    local file=$1
    shift
    "$@" --trace >"$file.out" 2>"$file.err" || die "exit $?: $* $(cat "$file.err")"
    grep '^trace' "$file.err" >"$file" || die "no trace: $*"
    is "$(grep -vE "$line" "$file")" ''
    hasnt "$file.err" "$pin"
    hasnt "$file.out" "$pin"
}

calls() { # FILE CALL: how often it was made
    grep -c "^trace: $2 " "$1" || true
}

# ---- the verbs of tokens ----

traced init "$sigbridge" token init --label release --so-pin-file so-pin --pin-file pin
is "$(calls init C_InitToken)" 1
is "$(calls init C_InitPIN)" 1
hasnt init.err 12345678
traced keygen "$sigbridge" token keygen pkcs11:token=release --label root --type P-256 --pin-file pin
is "$(calls keygen C_Login)" 1
is "$(calls keygen C_GenerateKeyPair)" 1
keygen release ca P-256
keygen release mst P-256
cert root 'pkcs11:token=release;object=root' 'CN=Test Root' root.pem
cert ca 'pkcs11:token=release;object=ca' 'CN=Test CA' ca.pem --issuer-key 'pkcs11:token=release;object=root' --issuer-cert root.pem
leaf_cert leaf.pem
traced list "$sigbridge" token list pkcs11:token=release --pin-file pin
[ "$(calls list C_FindObjects)" -gt 2 ] || die "objects were found without a search"
has list.out 'pkcs11:'
"$sigbridge" token list pkcs11:token=release --pin-file pin >untraced 2>err
cmp untraced list.out
is "$(cat err)" ''
keygen release spare P-256
traced delete "$sigbridge" token delete 'pkcs11:token=release;object=spare' --yes --pin-file pin
is "$(calls delete C_DestroyObject)" 2

# A failed call is told as it failed.
(umask 077 && printf '%s-wrong\n' "$pin" >wrong)
"$sigbridge" token list pkcs11:token=release --pin-file wrong --trace >out 2>err && die 'a wrong PIN was taken'
is "$(grep -cE '^trace: C_Login CKR_PIN_INCORRECT [0-9]+ us$' err)" 1
hasnt err "$pin"

# ---- signing: two calls a signature, nothing beside them ----

payload payload.json
traced sign sign "${claims[@]}" payload.json -o payload.cose --json
is "$(calls sign C_Login)" 1
is "$(calls sign C_SignInit)" 1
is "$(calls sign C_Sign)" 1
verify payload.cose
is "$(field sign.out 'd["statement"]')" payload.cose
is "$(sed -n '/C_SignInit/{n;s/ [0-9]* us$//p}' sign)" 'trace: C_Sign CKR_OK'

# Each line is one write, so that threads do not tear each other's.
# a leak checker cannot work beside strace
ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -e trace=write -e write=2 -s 4096 -o strace.out "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" \
    --pin-file pin payload.json -o straced.cose --trace 2>straced
lines=$(grep -c '^trace' straced)
is "$(grep -cE 'write\(2, "trace: [^"]*\\n", ' strace.out)" "$lines"
hasnt strace.out "$pin"

# Without it, not a word.
sign "${claims[@]}" -q payload.json -o quiet.cose 2>err
is "$(cat err)" ''
