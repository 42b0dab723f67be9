#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The PIN is nowhere but in the token: not in a core taken while C_Sign runs, not in the environment that children
# would have, not in argv, the words, the JSON or the trace of system calls that write.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # leaks cannot be looked for under a debugger; other tests do

pin=Zq7-secret-PIN-4f1d9c
softhsm
(umask 077 && printf '%s\n' "$pin" >pin)
token release
keygen release root P-256
keygen release ca P-256
keygen release mst P-256
cert root 'pkcs11:token=release;object=root' 'CN=Test Root' root.pem
cert ca 'pkcs11:token=release;object=ca' 'CN=Test CA' ca.pem --issuer-key 'pkcs11:token=release;object=root' --issuer-cert root.pem
leaf_cert leaf.pem
payload payload.json

# Python, because the PIN must not be in the argv of a search either; UTF-16 and reversed bytes count as well.
absent() { # FILE...
    "$python" - "$work/pin" "$@" <<'PY' || die "the PIN is in one of: $*"
import sys
pin = open(sys.argv[1]).read().strip()
forms = [pin.encode(), pin.encode("utf-16-le"), pin[::-1].encode()]
found = 0
for name in sys.argv[2:]:
    data = open(name, "rb").read()
    for form in forms:
        if form in data:
            print("found in", name)
            found = 1
sys.exit(found)
PY
}

# A sanitizer's shadow is terabytes of address space: a core of such a process would fill the disk, and prove nothing that
# the plain build does not.
sanitized=$(ldd "$sigbridge" | grep -c 'lib[at]san' || true)

# Stops at the module's C_Sign, takes a core, argv and the environment of the process, and lets it finish.
core_while_signing() { # NAME OPTION...; standard input is handed on
    local name=$1
    shift
    cat >"$name.gdb" <<GDB
set confirm off
set breakpoint pending on
set auto-load off
set debuginfod enabled off
handle SIGPIPE nostop noprint pass
break C_Sign
run
$([ "$sanitized" -gt 0 ] && echo "shell echo no core of a sanitized process: 0123456789abcdef >$work/$name.core" || echo "gcore $work/$name.core")
python open("$work/$name.pid", "w").write(str(gdb.selected_inferior().pid))
shell cp /proc/\$(cat $work/$name.pid)/environ $work/$name.environ
shell cp /proc/\$(cat $work/$name.pid)/cmdline $work/$name.cmdline
delete
continue
GDB
    gdb -q -batch -x "$name.gdb" --args "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" --json -v \
        -o "$name.cose" "$@" payload.json >"$name.out" 2>&1
    [ -s "$name.core" ] || die "no core was taken: $(cat "$name.out")"
    [ -s "$name.cmdline" ] || die "no command line was read: $(cat "$name.out")"
    verify "$name.cose"
}

core_while_signing file --pin-file pin
SIGBRIDGE_TEST_PIN=$pin core_while_signing env --pin-env SIGBRIDGE_TEST_PIN
core_while_signing fd --pin-fd 7 7<pin
key="pkcs11:token=release;object=mst?pin-source=file:$work/pin" core_while_signing source

# The search would find it: the payload is in the core, the variable's name in the environment.
"$python" - file.core <<'PY'
import sys
assert b"0123456789abcdef" in open(sys.argv[1], "rb").read(), "the core holds no payload: it proves nothing"
PY
grep -qa SOFTHSM2_CONF env.environ || die "the environment was not read"

for name in file env fd source; do
    absent "$name.core" "$name.environ" "$name.cmdline" "$name.out" "$name.cose"
done

# Nothing that is written anywhere holds it, refusals included.
(umask 077 && printf '%s-wrong\n' "$pin" >wrong)
strace -f -e trace=write,writev,sendto,sendmsg,pwrite64 -s 4096 -o strace.out \
    "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" --json --pin-file wrong -o refused.cose payload.json \
    >refused.json 2>refused.err && die "a wrong PIN was taken"
absent strace.out refused.json refused.err
[ ! -e refused.cose ] || die "a refusal left a file"

# A pin-value in a URI is redacted wherever the URI is shown.
"$sigbridge" sign --key "pkcs11:token=release;object=nobody?pin-value=$pin" "${anchors[@]}" "${claims[@]}" --json \
    payload.json -o refused.cose >value.json 2>value.err && die "a key that is not there has signed"
absent value.json value.err
