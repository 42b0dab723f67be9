#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the options of sign do about devices: replicas, copies of keys, logins that are lost or refused, devices that
# fail or hang. The token is SoftHSM; the fault module between makes it misbehave.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
export SIGB_FAULT_MODULE=$PKCS11_MODULE_PATH
fault=${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so
[ -e "$fault" ] || die "the fault module is not built"
made=0

# spoilt PLAN OPTION...: signs with a device that is as the plan says; the trace is in ./trace.
spoilt() {
    SIGB_FAULT_PLAN=$1 "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" --module "$fault" --trace \
        payload.json -o "spoilt$((++made)).cose" "${@:2}" 2>trace </dev/null
}

signs() { # PLAN OPTION...
    spoilt "$@" || die "with $*: $(cat trace)"
    verify -q "spoilt$made.cose"
}

refuses() { # NAME WORDS PLAN OPTION...
    local status=0 name=$1 words=$2
    shift 2
    spoilt "$@" --json >json || status=$?
    is "$status" 3
    "$python" "$here/refusal.py" json 3 "$name" "$words" || die "of: $*"
    [ ! -e "spoilt$made.cose" ] || die "a file was left"
}

traced() { # CALL: how often it was made
    grep -c "^trace: $1 " trace || true
}

pin=(--pin-file "$work/pin")

# ---- the deadline that nobody asked for: half a minute, while the rest of this story goes on ----

(SIGB_FAULT_PLAN=C_Sign,hang "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" --module "$fault" --trace "${pin[@]}" \
    --json payload.json -o unasked.cose >unasked.json 2>unasked.trace </dev/null) &
unasked=$! unasked_began=$(now)
until grep -q '^trace: C_SignInit' unasked.trace; do kill -0 "$unasked" && sleep 0.05; done

# ---- logins ----

signs '' "${pin[@]}"
is "$(traced C_Login)" 1

# one try is left: nothing is tried, unless that is asked for
refuses pin-final-try 'one wrong' 'pin-tries=3;pin-wrong=2' "${pin[@]}"
is "$(traced C_Login)" 0
signs 'pin-tries=3;pin-wrong=2' "${pin[@]}" --allow-final-pin-try
refuses pin-locked '' 'pin-tries=3;pin-wrong=3' "${pin[@]}" --allow-final-pin-try
is "$(traced C_Login)" 0

# a token whose PIN has a user's name in it; one with keys to type it on; one without any
refuses pin-incorrect '' 'user=crypto' "${pin[@]}"
is "$(traced C_Login)" 1
(umask 077 && echo crypto:1234 >user-pin)
signs 'user=crypto' --pin-file user-pin
signs 'keypad=1234'
is "$(traced C_Login)" 1
signs 'no-login=1234'
is "$(traced C_Login)" 0

# ---- what is lost while signing ----

signs 'C_SignInit,times=1,rv=0xb3' "${pin[@]}"
is "$(traced C_SignInit)" 2
is "$(traced C_Initialize)" 1
signs 'C_Sign,times=1,rv=0x101' "${pin[@]}"
signs 'C_SignInit,times=1,dead=0x30' "${pin[@]}"
is "$(traced C_Initialize)" 2
is "$(traced C_Login)" 2

# the PIN was not kept, so the login stays lost; what needs no login is repaired all the same
signs '' "${pin[@]}" --no-relogin
signs 'C_SignInit,times=1,rv=0xb3' "${pin[@]}" --no-relogin
refuses pin-needed 'its PIN was not kept' 'C_SignInit,times=1,dead=0x30' "${pin[@]}" --no-relogin
is "$(traced C_Login)" 1

# ---- what never answers, or always fails ----

began=$(now) soon=$(patient 1000)
refuses timeout '' 'C_Sign,hang' "${pin[@]}" --token-timeout "$soon"
refuses timeout '' 'C_Login,hang' "${pin[@]}" --token-timeout "$soon"
refuses token 'CKR_DEVICE_ERROR' 'C_Sign,rv=0x30' "${pin[@]}" --token-timeout "$soon"
in_time "$began" 8000
signs 'C_Sign,delay=1500' "${pin[@]}" --token-timeout 0

# verbs about tokens keep the deadline as well
hangs() { # CALL VERB...
    local status=0
    SIGB_FAULT_PLAN="$1,hang" "$sigbridge" token "${@:2}" --module "$fault" --token-timeout "$(patient 500)" --json >json \
        2>/dev/null </dev/null || status=$?
    is "$status" 3
    "$python" "$here/refusal.py" json 3 timeout 'did not answer in time' || die "of: $*"
}
store=${key%%;*}
began=$(now)
hangs C_Initialize list
hangs C_FindObjects list "$store" "${pin[@]}"
hangs C_InitToken init --label another "${pin[@]}" --so-pin-file "$work/pin"
hangs C_GenerateKeyPair keygen "$store" --label hanging --type P-256 "${pin[@]}"
hangs C_Sign cert --key "$key" --role root --subject CN=Hanging --label hanging "${pin[@]}"
hangs C_DestroyObject delete "$key" --yes "${pin[@]}"
in_time "$began" 12000

# ---- copies of the key: SoftHSM makes none of a key that is not modifiable, as ours are ----

signs '' "${pin[@]}" --copy-key
is "$(traced C_CopyObject)" 1
has trace 'the token does not copy the key'

# ---- one key on two tokens ----

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out twin.key 2>/dev/null
for label in node1 node2; do
    token "$label"
    softhsm2-util --import twin.key --token "$label" --label twin --id 07 --pin 1234 >/dev/null
done
key='pkcs11:token=node1;object=twin'
cert leaf "$key" 'CN=Test Twin' twin.pem --issuer-key 'pkcs11:token=release;object=ca' --issuer-cert ca.pem --eku "$eku"
chain=(--cert twin.pem --chain ca.pem)
key='pkcs11:object=twin;type=private;manufacturer=SoftHSM%20project'
refuses token-ambiguous 'serial=' '' "${pin[@]}" "${chain[@]}"
signs '' "${pin[@]}" "${chain[@]}" --replicas

# an imported key is modifiable, and copied
key='pkcs11:token=node1;object=twin;type=private' signs '' "${pin[@]}" "${chain[@]}" --copy-key
is "$(grep -c '^trace: C_CopyObject CKR_OK ' trace)" 1
hasnt trace 'does not copy'
is "$(traced C_Sign)" 1

# the one that serves fails: the other one goes on, and the module is left as it is
signs 'C_SignInit,times=1,rv=0x30' "${pin[@]}" "${chain[@]}" --replicas
is "$(traced C_SignInit)" 2
is "$(traced C_Initialize)" 1

# so it does where the handle stays stale, whatever is repaired
signs 'C_SignInit,times=5,rv=0x82' "${pin[@]}" "${chain[@]}" --replicas
is "$(traced C_SignInit)" 6
refuses token 'CKR_OBJECT_HANDLE_INVALID' 'C_SignInit,rv=0x82' "${pin[@]}" "${chain[@]}" --replicas

# and where the key is deleted on the one that serves, which has others: the run has opened it, and waits for what it hashes
first=$("$sigbridge" token list | grep -oE 'token=node[12]' | head -n 1)
keygen "${first#token=}" other P-256
mkfifo pipe
sign "${claims[@]}" "${chain[@]}" --replicas --hash sha256 - -o deleted.cose --trace <pipe 2>trace &
run=$!
exec 8>pipe
opened() { [ "$(traced C_GetMechanismList)" -ge 2 ] && [ "$(tail -n 1 trace)" = "$last" ]; }
until last=$(tail -n 1 trace) && sleep 0.5 && opened; do :; done
"$sigbridge" token delete -q "pkcs11:$first;object=twin;type=private" --yes --pin-file "$work/pin"
echo artifact >&8
exec 8>&-
wait "$run" || die "not signed: $(cat trace)"
verify -q deleted.cose
is "$(traced C_SignInit)" 2

# ---- and there it is ----

status=0
wait "$unasked" || status=$?
is "$status" 3
took=$(($(now) - unasked_began))
[ "$took" -gt 25000 ] || die "half a minute was over after $took ms"
in_time "$unasked_began" 60000
"$python" "$here/refusal.py" unasked.json 3 timeout 'did not answer in time' || die "$(cat unasked.trace)"
[ ! -e unasked.cose ] || die "a file was left"
