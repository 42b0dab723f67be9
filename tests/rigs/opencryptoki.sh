# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh has is used here, and what is here by the stories
# SPDX-License-Identifier: Apache-2.0
# opencryptoki's soft token, with its daemon. Everything that it writes lies in folders that exist in our mount namespace
# alone, and its shared memory in our IPC namespace. RSA only, PINs of 4 to 8 characters.
opencryptoki_module=$(module_file pkcs11/libopencryptoki.so)
opencryptoki_slot=3

opencryptoki_start() {
    local folder
    for folder in /etc/opencryptoki /var/lib/opencryptoki /run /dev/shm; do mount -t tmpfs none "$folder"; done
    for folder in /run/lock/opencryptoki /var/lib/opencryptoki; do
        mkdir -p "$folder/swtok/TOK_OBJ"
        chown -R root:pkcs11 "$folder"
        chmod -R 770 "$folder"
    done
    printf 'version opencryptoki-3.1\nslot %d\n{\nstdll = libpkcs11_sw.so\n}\n' "$opencryptoki_slot" >/etc/opencryptoki/opencryptoki.conf
    pkcsslotd
    until_true pkcs11-tool --module "$opencryptoki_module" -L
}

opencryptoki_tool() {
    pkcs11-tool --module "$opencryptoki_module" --slot "$opencryptoki_slot" "$@" >"$work/tool.log" 2>&1 || die "$(cat "$work/tool.log")"
}

opencryptoki_token() { # LABEL
    opencryptoki_tool --init-token --label "$1" --so-pin 87654321
    opencryptoki_tool --login --login-type so --so-pin 87654321 --init-pin --new-pin 1234
}
