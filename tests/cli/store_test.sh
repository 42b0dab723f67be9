#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys of OpenSSL providers and of files: the statement is the one that the direct way to the token makes, what does not
# belong together is refused, and nothing of a configuration acts that nobody named. Software keys are made here, because
# they are what is tested.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
provider=${SIGBRIDGE_BUILD:-$top/build}/lib/ossl-modules/sigbridge.so
to=("${anchors[@]}" "${claims[@]}" payload.json -o never.cose)
by() { "$sigbridge" sign "${to[@]}" "$@"; }
made() { # the statement is there and good
    verify -q never.cose
    rm never.cose
}
# configured FILE LINE...: openssl.cnf that leads to our provider, and more lines in its section
configured() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'sigbridge = ours' '[ours]' \
        "module = $provider" "module-path = $PKCS11_MODULE_PATH" 'activate = 1' "${@:2}" >"$1"
}
configured ours.cnf
through=(--key "store:$key" --provider-config ours.cnf)

# ---- one statement, whichever way the key is reached ----

same_but_for_the_signature() { # ONE OTHER BYTES
    is "$(stat -c %s "$1")" "$(stat -c %s "$2")"
    cmp -n $(($(stat -c %s "$1") - $3)) "$1" "$2"
}

export SOURCE_DATE_EPOCH=1700000000
for row in P-256:64 P-384:96 P-521:132 RSA-2048:256 RSA-3072:384 RSA-4096:512 Ed25519:64; do
    type=${row%:*} profile=mst
    [ "$type" != Ed25519 ] || profile=cose
    each="pkcs11:token=release;object=$type"
    keygen release "$type" "$type"
    cert leaf "$each" "CN=$type" "$type.pem" --issuer-key 'pkcs11:token=release;object=ca' --issuer-cert ca.pem --eku "$eku" --label "$type"
    given=("${anchors[@]}" "${claims[@]}" payload.json --profile "$profile" --pin-file pin -q)
    "$sigbridge" sign --key "$each" "${given[@]}" -o direct.cose --force
    "$sigbridge" sign --key "store:$each" --provider-config ours.cnf --chain ca.pem "${given[@]}" -o through.cose --force
    same_but_for_the_signature direct.cose through.cose "${row#*:}"
    verify -q through.cose --profile "$profile"
    "$sigbridge" sign --key "$each" "${given[@]}" --hash sha384 -o direct.cose --force
    "$sigbridge" sign --key "store:$each" --provider-config ours.cnf --chain ca.pem "${given[@]}" --hash sha384 -o through.cose --force
    same_but_for_the_signature direct.cose through.cose "${row#*:}"
    verify -q through.cose --profile "$profile" --artifact payload.json
done
rm direct.cose through.cose
unset SOURCE_DATE_EPOCH

# ---- a provider by its name and path, a key file that wraps a URI ----

by --key "store:$key" --provider "sigbridge,$provider" --chain ca.pem --pin-file pin -q
made
OPENSSL_MODULES=$(dirname "$provider") by --key "store:$key" --provider sigbridge --chain ca.pem --pin-file pin -q
made
by "${through[@]}" --propquery '?provider=sigbridge' --chain ca.pem --pin-file pin -q
made
"$sigbridge" provider wrap -q "$key" -o wrapped.pem
by --key wrapped.pem --provider-config ours.cnf --cert leaf.pem --chain ca.pem --pin-file pin -q
made
refused 3 key-absent '(found: nothing)' by --key wrapped.pem --cert leaf.pem --chain ca.pem --pin-file pin

# ---- software keys ----

certified() { # PUBLIC-KEY FILE: a certificate of the token's CA
    printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' "extendedKeyUsage = $eku" \
        'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid' >leaf.ext
    sed "s,^activate,pin-source = $work/pin\n&,; s/^sigbridge = ours/&\ndefault = soft/; s/^\[ours\]/[soft]\nactivate = 1\n&/" ours.cnf >ca.cnf
    openssl req -new -key "$1" -subj /CN=software -out leaf.csr
    OPENSSL_CONF=ca.cnf openssl x509 -req -in leaf.csr -CA ca.pem -CAkey 'pkcs11:token=release;object=ca' -days 30 \
        -extfile leaf.ext -set_serial 77 -out "$2" 2>err || die "$(cat err)"
}
for type in EC:P-256 EC:P-384 RSA:2048; do
    case $type in
    EC:*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${type#*:}" -out soft.key -quiet ;;
    *) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${type#*:}" -out soft.key -quiet ;;
    esac
    certified soft.key soft.pem
    by --key soft.key --cert soft.pem --chain ca.pem -q
    made
done
by --key "store:$work/soft.key" --cert soft.pem --chain ca.pem -q
made
by --key "store:file:$work/soft.key" --cert soft.pem --chain ca.pem -q
made
cat soft.key soft.pem ca.pem >whole.pem
chmod 600 whole.pem
by --key whole.pem -q
made
chmod 644 whole.pem
by --key whole.pem 2>err
has err 'sigbridge: note: the key file whole.pem can be read by others; make it private (chmod 600)'
made

# ---- passphrases are PINs ----

openssl pkey -in soft.key -aes256 -passout pass:1234 -out secret.key
openssl pkcs12 -export -in soft.pem -certfile ca.pem -inkey soft.key -passout pass:1234 -out secret.p12
secret=(--key secret.key --cert soft.pem --chain ca.pem)
by "${secret[@]}" --pin-file pin -q
made
by "${secret[@]}" --pin-fd 9 -q 9<pin
made
THE_PIN=1234 by "${secret[@]}" --pin-env THE_PIN -q
made
by --key secret.p12 --pin-file pin -q
made
on_terminal 1234 "$sigbridge" sign "${secret[@]}" "${to[@]}" >screen
has screen "PIN or passphrase of 'secret.key': "
hasnt screen 1234
made
on_terminal 1234 "$sigbridge" sign "${through[@]}" --chain ca.pem "${to[@]}" >screen
has screen "PIN or passphrase of 'pkcs11:token=release;object=mst': "
made
echo 4321 >wrong
chmod 600 wrong
refused 3 pin-incorrect 'that was given; it was tried once' by "${secret[@]}" --pin-file wrong
hasnt json 4321
refused 3 pin-incorrect 'that was given; it was tried once' by --key secret.p12 --pin-file wrong
refused 3 pin-incorrect 'CKR_PIN_INCORRECT' by "${through[@]}" --chain ca.pem --pin-file wrong
refused 3 pin-incorrect 'CKR_PIN_INCORRECT' by --key wrapped.pem --provider-config ours.cnf --cert leaf.pem --chain ca.pem --pin-file wrong
refused 3 pin-needed "'secret.key' needs a PIN" setsid "$sigbridge" sign "${secret[@]}" "${to[@]}"
refused 3 pin-needed 'the variable NO_PIN is empty' setsid "$sigbridge" sign "${through[@]}" "${to[@]}" --pin-env NO_PIN

# ---- keys that are none, or several ----

refused 3 key-absent 'leaf.pem holds no private key that the providers can read (found: Certificate)' by --key leaf.pem
refused 3 key-absent '(found: nothing)' by --key payload.json
cat soft.key soft.key >two.key
refused 3 key-ambiguous 'two.key holds 2 private keys' by --key two.key
refused 3 key-ambiguous 'private keys match' by --key store:pkcs11:token=release --provider-config ours.cnf --pin-file pin
refused 3 key-absent 'absent' by --key 'store:pkcs11:token=release;object=absent' --provider-config ours.cnf --pin-file pin
refused 4 io 'Is a directory' by --key .
refused 4 io "cannot read the key '-'" by --key -
refused 4 io '/absent cannot be opened: No such file or directory' by --key store:/absent
refused 4 usage 'names no key' by --key store:
refused 4 openssl-setup 'no provider that is loaded opens pkcs11:token=release;object=mst; name the one that does' by --key "store:$key"
refused 4 openssl-setup 'no provider that is loaded opens pkcs11:token=release' by --key 'store:pkcs11:token=release?pin-value=8643'
hasnt json 8643
refused 4 uri 'the URI holds a PIN' by --key "store:$key?pin-value=8643" --provider-config ours.cnf
hasnt json 8643

# a token that returns what is no signature of the key: the provider finds out, and looks for the key again
faulty=${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so
sed "s,^module-path.*,module-path = $faulty," ours.cnf >faulty.cnf
export SIGB_FAULT_MODULE=$PKCS11_MODULE_PATH
for plan in flip short empty; do
    SIGB_FAULT_PLAN=C_Sign,$plan refused 3 key-changed "the key's provider refused to sign with ES256: " by --key "store:$key" \
        --provider-config faulty.cnf --chain ca.pem --pin-file pin
done

# ---- what does not belong together ----

while read -r option value; do
    refused 4 usage "$option is for pkcs11: keys" by "${through[@]}" "$option" ${value:+"$value"}
    refused 4 usage "$option is for pkcs11: keys" by --key soft.key "$option" ${value:+"$value"}
done <<'ROWS'
--module x
--module-init-args x
--token-timeout 9
--allow-final-pin-try
--trace
--replicas
--no-relogin
--copy-key
ROWS
for option in --provider --provider-config --propquery; do
    refused 4 usage "$option is for keys of OpenSSL's providers" by --key "$key" "$option" x --pin-file pin
done
refused 4 usage 'wanted is NAME, or NAME,PATH' by --key "store:$key" --provider ,x.so
refused 4 usage 'wanted is NAME, or NAME,PATH' by --key "store:$key" --provider x,
refused 4 usage 'wants it to be called x.so' by --key "store:$key" --provider x,y.so
refused 3 module 'absent cannot be loaded' by --key "store:$key" --provider absent
refused 4 io 'the configuration absent.cnf cannot be opened' by --key "store:$key" --provider-config absent.cnf
configured broken.cnf 'no-relogin = perhaps'
refused 3 module 'the provider sigbridge of the configuration broken.cnf cannot be loaded' by --key "store:$key" --provider-config broken.cnf

# ---- nothing acts that nobody named ----

crashing=$(find "${SIGBRIDGE_BUILD:?}/lib" -name 'crashing_provider.so' -print -quit)
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'crash = crash' '[crash]' \
    "module = $crashing" 'activate = 1' >crash.cnf
OPENSSL_CONF=$work/crash.cnf by --key soft.key --cert soft.pem --chain ca.pem -q
made
OPENSSL_CONF=$work/crash.cnf by "${through[@]}" --chain ca.pem --pin-file pin -q
made
sed "s/^\[init\]/&\nengines = engines\noid_section = oids\nssl_conf = tls\nalg_section = alg\n[engines]\nx = engine\n[engine]\ndynamic_path = \/absent.so\n[oids]\nx = 1.2.3\n[tls]\nx = y\n[alg]\ndefault_properties = provider=nobody\n[init]/" ours.cnf >busy.cnf
by --key "store:$key" --provider-config busy.cnf --chain ca.pem --pin-file pin -q
made
