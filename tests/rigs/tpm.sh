# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh has is used here, and what is here by the stories
# SPDX-License-Identifier: Apache-2.0
# A TPM 2.0 in a simulator, and tpm2-pkcs11 in front of it. swtpm keeps three transient objects, so the token is made
# by the module, and by tpm2_ptool behind the resource manager alone.
tpm_module=$(module_file libtpm2_pkcs11.so.1)
export TPM2_PKCS11_LOG_LEVEL=0 TSS2_LOG=all+NONE

# Two free ports, one behind the other: swtpm's control port is expected behind its command port.
free_ports() {
    "$python" - <<'PY'
import socket
while True:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        try:
            second.bind(("127.0.0.1", port + 1))
        except (OSError, OverflowError):
            continue
        print(port)
        break
PY
}

tpm_answers() {
    tpm2_getcap properties-fixed
}

tpm_listens() { # asked of the kernel: swtpm serves one connection, and that is somebody else's
    grep -q "0100007F:$(printf %04X "$tpm_port") 00000000:0000 0A" /proc/net/tcp
}

# A simulator with what $work/tpm remembers, on the ports that it had.
tpm_start() {
    spawn swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --flags not-need-init,startup-clear \
        --ctrl "type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1" --server "type=tcp,port=$tpm_port,bindaddr=127.0.0.1"
    tpm_pid=$!
    until_true tpm_listens
}

# Power is cut: what the TPM held in memory is lost.
tpm_stop() {
    gone "$tpm_pid" KILL
}

tpm_new() {
    mkdir "$work/tpm" "$work/store"
    tpm_port=$(free_ports)
    export TPM2_PKCS11_STORE=$work/store
    export TPM2_PKCS11_TCTI=swtpm:host=127.0.0.1,port=$tpm_port
    export TPM2TOOLS_TCTI=$TPM2_PKCS11_TCTI
    tpm_start
    # A power cut behind a login counts as a wrong PIN: enough tries for all of them.
    tpm2_dictionarylockout --setup-parameters --max-tries=1000 --recovery-time=1000 --lockout-recovery-time=1000
}

# The module refuses the attributes that "sigbridge token keygen" asks for, so its keys come from pkcs11-tool.
tpm_key() { # TYPE LABEL ID
    pkcs11-tool --module "$tpm_module" --token-label tpm --login --pin 1234 --keypairgen --key-type "$1" --label "$2" \
        --id "$3" --usage-sign >"$work/keygen.log" 2>&1 || die "$(cat "$work/keygen.log")"
}

tpm_uri() { # LABEL
    printf 'pkcs11:token=tpm;object=%s?module-path=%s' "$1" "$tpm_module"
}

bus_answers() {
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
}

# The resource manager between TPM and module, on a bus of its own.
tpm_broker() {
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus
    spawn dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
    until_true bus_answers
    spawn tpm2-abrmd --session --allow-root --max-transients=20 --tcti="$TPM2_PKCS11_TCTI"
    export TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2TOOLS_TCTI=tabrmd:bus_type=session
    until_true tpm_answers
}
