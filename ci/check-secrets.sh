#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No function can return the bytes of a private key, no option takes a PIN, no key lies in the tree.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mapfile -t folders < <(product_folders)
forbid() { # WHY PATTERN [FOLDER THAT MAY]
    local folder where=()
    for folder in "${folders[@]}"; do [ "$folder" = "${3-}" ] || where+=("$folder"); done
    if grep -rnE --include='*.[ch]' "$2" "${where[@]}"; then die "$1"; fi
}

forbid 'private parts of a key are never asked for' \
    'CKA_(PRIVATE_EXPONENT|PRIME_1|PRIME_2|PRIME|EXPONENT_1|EXPONENT_2|COEFFICIENT|SEED)\b'
forbid 'wrapping a key out of a token is not for us' 'C_(WrapKey|UnwrapKey|DeriveKey|GetOperationState)\b'
forbid 'a private key is never encoded or taken apart' \
    '\b(i2d_[A-Za-z0-9_]*PrivateKey|i2d_PKCS8[A-Za-z0-9_]*|PEM_write[A-Za-z0-9_]*(PrivateKey|PKCS8|Key)[A-Za-z0-9_]*|EVP_PKEY_get_raw_private_key|EVP_PKEY2PKCS8|EVP_PKEY_print_private|EC_KEY_get0_private_key|RSA_get0_[dpq]|RSA_get0_(key|factors|crt_params)|OSSL_PKEY_PARAM_(RSA_FACTOR[A-Z0-9_]*|RSA_EXPONENT[A-Z0-9_]*|RSA_COEFFICIENT[A-Z0-9_]*))\b'
# OpenSSL speaks to providers of selections and parameters, and brings keys of software to the one that it lists first. What
# the library hands the provider is a public key and a way to sign (pkcs11/bridge.h), so there is no token's key to encode.
forbid 'only the provider encodes keys: public halves, and those of software' \
    '\b(EVP_PKEY_todata|OSSL_ENCODER[A-Za-z0-9_]*|OSSL_PKEY_PARAM_(PRIV_KEY|RSA_D)|OSSL_KEYMGMT_SELECT_(PRIVATE_KEY|KEYPAIR|ALL))\b' provider

# CKA_VALUE is a certificate's content, and also an EC private key's number: only where certificates are read or written.
if grep -rnE --include='*.[ch]' '\bCKA_VALUE\b' "${folders[@]}" | grep -vE '^(token/(cert|doctor)[a-z_]*|token/item|pkcs11/(cert[a-z_]*|object|signer|bridge_key|bridge_list))\.c:'; then
    die 'CKA_VALUE is read only where certificates are'
fi
mapfile -t readers < <(grep -rlE --include='*.c' '\bCKA_VALUE\b' "${folders[@]}")
for file in "${readers[@]}"; do
    grep -q 'CKO_CERTIFICATE' "$file" || die "$file reads CKA_VALUE, and not of certificates"
done

# generated keys stay where they are
for attribute in CKA_SENSITIVE CKA_EXTRACTABLE CKA_MODIFIABLE; do
    [ -d token ] || break
    grep -rqE --include='*.c' "\\b$attribute\\b" token || die "token/ makes keys without $attribute"
done

# PINs come from a file, a descriptor, the environment or a terminal: never from an argument
if [ -d cli ] && grep -rnE --include='*.[ch]' '"(--)?((so-|user-|new-)?pin|password|passphrase)[ ="]' cli | grep -vE '"pin"[,)]? *(/\*|: *json)'; then
    die 'an option takes a PIN'
fi
if [ -x build/bin/sigbridge ] && build/bin/sigbridge --help 2>&1 | grep -nE -- '--((so-|user-|new-)?pin|password)([ =]|$)'; then
    die 'an option takes a PIN'
fi

# private keys are made by tests when they run
if files '*' | xargs grep -lI -e '-----BEGIN [A-Z ]*PRIVATE'' KEY-----' --; then die 'a private key lies in the tree'; fi
if files '*.p12' '*.pfx' '*.key' '*.p8' | grep .; then die 'a key file lies in the tree'; fi

passed "${#folders[@]} folders"
