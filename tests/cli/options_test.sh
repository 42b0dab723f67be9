#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Options: what is refused, that each refusal is a JSON document too, that --help and completion know the same options.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

verbs=(sign verify inspect 'issuer derive' 'issuer resolve' 'token list' 'token init' 'token keygen' 'token cert' 'token delete' 'token doctor' 'provider check' 'provider wrap')

# ---- refusals ----

refused 4 usage 'no verb given; see sigbridge --help' "$sigbridge"
refused 4 usage "'sing' is no verb" "$sigbridge" sing
refused 4 usage "'token' is no verb" "$sigbridge" token
refused 4 usage "unknown option '--bogus'" "$sigbridge" sign --bogus
refused 4 usage "unknown option '--pin'" "$sigbridge" sign --pin=1234
hasnt json 1234
refused 4 usage "unknown option '--subj'" "$sigbridge" sign --subj x
refused 4 usage "unknown option '-z'" "$sigbridge" verify -qz
refused 4 usage '--key is missing' "$sigbridge" sign --root r payload
refused 4 usage '--root is missing' "$sigbridge" sign --key pkcs11: payload
refused 4 usage 'PAYLOAD is missing' "$sigbridge" sign --key pkcs11: --root r
refused 4 usage '--key is given twice; give it once' "$sigbridge" sign --key a --key b
refused 4 usage '--sub is given twice' "$sigbridge" sign --subject a --sub b
refused 4 usage 'PAYLOAD is given twice' "$sigbridge" sign --payload a b
refused 4 usage "'rfc' is no value of --profile; wanted: mst|cose" "$sigbridge" sign --profile=rfc
refused 4 usage "'sha1' is no value of --hash; wanted: sha256|sha384|sha512" "$sigbridge" sign --hash sha1
refused 4 usage "'sha-' is no value of --hash" "$sigbridge" sign --hash sha-
for hash in SHA-256 sha-256 Sha256; do # the same word: what is missing is told next
    refused 4 usage '--key is missing' "$sigbridge" sign --hash "$hash"
done
refused 4 usage "'' is no value of --role" "$sigbridge" token cert --role ''
refused 4 usage '--force takes no value' "$sigbridge" sign --force=yes
refused 4 usage "unexpected argument 'b'" "$sigbridge" inspect a b
refused 4 usage "unexpected argument 'pkcs11:token=x?pin-value=...'" "$sigbridge" inspect a 'pkcs11:token=x?pin-value=987654'
hasnt json 987654
refused 4 usage '--location belongs to a hash envelope; add --hash' "$sigbridge" sign --key pkcs11: --root r --location u p
refused 4 usage '--detached and --hash exclude each other' "$sigbridge" sign --key pkcs11: --root r --detached --hash sha256 p
refused 4 usage "'ROT13' is no known algorithm" "$sigbridge" sign --key pkcs11: --root r --alg ROT13 p
refused 4 usage 'cannot share standard output' "$sigbridge" sign --key pkcs11: --root r p -o -
refused 4 usage 'has no name to derive one from; add -o FILE' "$sigbridge" sign --key pkcs11: --root r -
refused 4 usage "--result names a file" "$sigbridge" inspect --result - p
refused 4 usage "'x' is no id; wanted are 1 to 64 bytes in hexadecimal" "$sigbridge" token keygen --label l --id x
refused 4 usage "'0' days; wanted is a number from 1 to 36500" "$sigbridge" token cert --key pkcs11: --role root --subject CN=a --days 0
refused 4 usage "is not a time; wanted" "$sigbridge" issuer resolve did:x509 --chain c --at tomorrow
refused 4 usage "SOURCE_DATE_EPOCH is 'soon'" env SOURCE_DATE_EPOCH=soon "$sigbridge" sign --key pkcs11: --root r p

# the longest wait for a token: a number of seconds from end to end, down to milliseconds; what is fine goes on to the root
for seconds in '' . -1 +1 1s ' 1' '1 ' 0x10 1e3 .5 5. 1,5 1.2.3 0.0001 86400.001 86401 4294967296 18446744073709551616 nan; do
    refused 4 usage "'$seconds' is no --token-timeout; wanted are seconds such as 30 or 0.5, 86400 at most, or 0" \
        "$sigbridge" sign --key pkcs11: --root absent p --token-timeout "$seconds"
done
for seconds in 0 0.0 00030 30 0.5 0.001 1.25 86400 86400.000; do
    refused 4 io "cannot read the payload 'p'" "$sigbridge" sign --key pkcs11: --root absent p --token-timeout "$seconds"
done
refused 4 usage '--token-timeout is given twice' "$sigbridge" sign --token-timeout 1 --token-timeout=2
refused 4 usage '--trace takes no value' "$sigbridge" token list --trace=yes
refused 4 usage "unknown option '--copy-key'" "$sigbridge" token list --copy-key

# a value that needs none, and one that is missing at the end
"$sigbridge" sign --key 2>err && die 'a value is missing'
has err '--key needs a value: KEY'
"$sigbridge" sign -o 2>err && die 'a value is missing'
has err '--output needs a value: FILE'

# "--" ends options: what looks like one is a file then, and --json behind it is no option either
status=0
"$sigbridge" inspect -- --json >json 2>err || status=$?
is "$status" 4
is "$(cat json)" ''
has err "cannot read the file '--json': No such file or directory"

# --json that is the value of another option is not taken for the option
"$sigbridge" sign --key pkcs11: --root r --subject --json -- p >json 2>err && die 'no such root'
is "$(cat json)" ''
has err "cannot read the payload 'p'"

# ---- files ----

refused 4 io "cannot read the file 'absent': No such file or directory" "$sigbridge" inspect absent
refused 4 io "cannot read the file '.': Is a directory" "$sigbridge" inspect .
refused 4 cbor "'-' is empty" "$sigbridge" inspect -
mkfifo pipe
truncate -s 16777217 large
refused 4 limit "root 'large' is larger than 16777216 bytes" "$sigbridge" issuer derive --chain large --root large
rm large pipe
echo nothing >text
refused 4 cert-unreadable "root 'text': " "$sigbridge" issuer derive --chain text --root text
refused 4 cert-unreadable "root '-': no certificate in 0 bytes" "$sigbridge" issuer derive --chain - --root -
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=a -out root 2>/dev/null
"$sigbridge" issuer derive --chain - --root - <root 2>err && die 'one standard input'
has err 'usage: standard input cannot be both the root and the chain; give one as a file'
rm text root

# ---- standard output ----

for words in --version --help '--version --json'; do
    status=0
    # shellcheck disable=SC2086
    "$sigbridge" $words >/dev/full 2>err || status=$?
    is "$status" 4
    has err 'io: cannot write standard output: No space left on device'
done
status=0
"$sigbridge" --version >&- 2>err || status=$?
is "$status" 4
has err 'io: cannot write standard output: Bad file descriptor'
"$python" - "$sigbridge" <<'PY'
import os, subprocess, sys
read, write = os.pipe()
os.close(read)
done = subprocess.run([sys.argv[1], "--help"], stdout=write, stderr=subprocess.PIPE)
assert done.returncode == 4, done
assert b"cannot write standard output: Broken pipe" in done.stderr, done.stderr
PY

# ---- results in a file ----

"$sigbridge" --version >/dev/null
is "$("$sigbridge" inspect --version)" "$("$sigbridge" --version)"
"$sigbridge" inspect absent --json --result result.json >json 2>err && die 'absent'
cmp result.json json
is "$(cat err)" ''
refused 4 exists "'result.json' exists and is not overwritten" "$sigbridge" inspect absent --result result.json
"$sigbridge" inspect also-absent --force --result result.json 2>err && die 'absent'
has result.json also-absent

# ---- help ----

help_options() { # VERB: what --help lists
    # shellcheck disable=SC2086
    "$sigbridge" $1 --help | sed -nE 's/^  (-., |    )(--[a-z-]+).*/\2/p' | sort
}

"$sigbridge" --help >overview
for verb in "${verbs[@]}"; do
    has overview "  $verb "
    # shellcheck disable=SC2086
    "$sigbridge" $verb --help >help 2>err
    is "$(cat err)" ''
    is "$(awk 'length > 80' help)" ''
    has help "usage: sigbridge $verb"
    # shellcheck disable=SC2086
    "$sigbridge" $verb --help --json >json
    is "$(field json 'd["verb"]')" "$verb"
    is "$(field json '"\n".join(d["help"])')" "$(cat help)"
    # every option of the help is one that the parser knows: it wants its value, or nothing but what is missing
    while read -r option; do
        # shellcheck disable=SC2086
        "$sigbridge" $verb "$option" >/dev/null 2>err || true
        hasnt err 'unknown option'
    done < <(help_options "$verb")
done
is "$(awk 'length > 83' overview)" ''

# ---- completion ----

# shellcheck source=completions/sigbridge
source "$top/completions/sigbridge"

complete_words() { # WORD...: what is offered for the last one
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _sigbridge
    printf '%s\n' "${COMPREPLY[@]}"
}

for verb in "${verbs[@]}"; do
    # shellcheck disable=SC2086
    is "$(complete_words sigbridge $verb -- | sort)" "$(help_options "$verb")"
done
is "$(complete_words sigbridge '' | tr '\n' ' ')" 'sign verify inspect issuer receipt timestamp token provider --help --version '
is "$(complete_words sigbridge token k)" keygen
is "$(complete_words sigbridge issuer d)" derive
is "$(complete_words sigbridge timestamp a)" attach
touch payload.json
is "$(complete_words sigbridge sign payl)" payload.json
is "$(complete_words sigbridge sign --cert payl)" payload.json
is "$(complete_words sigbridge timestamp attach --tsa-root payl)" payload.json
is "$(complete_words sigbridge sign --key payl)" payload.json
is "$(complete_words sigbridge sign --propquery payl)" ''
PIN_OF_THE_TEST=1 is "$(PIN_OF_THE_TEST=1 complete_words sigbridge sign --pin-env PIN_OF_THE)" PIN_OF_THE_TEST

choices() { # VERB OPTION: as the parser words them
    # shellcheck disable=SC2086
    "$sigbridge" $1 "$2" no-such-value 2>&1 | sed 's/.*wanted: //; s/|/\n/g' | sort
}
for pair in 'sign:--profile' 'sign:--hash' 'verify:--profile' 'issuer derive:--hash' 'token cert:--role' 'token keygen:--type'; do
    verb=${pair%%:*} option=${pair##*:}
    # shellcheck disable=SC2086
    is "$(complete_words sigbridge $verb "$option" '' | sort)" "$(choices "$verb" "$option")"
done
