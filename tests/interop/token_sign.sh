#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Signs standard input with a key in a token and writes the raw COSE signature: what other implementations call.
# token_sign.sh MODULE TOKEN KEY-ID COSE-ALG; the PIN is in the environment, as pkcs11-tool takes it.
set -euo pipefail
module=$1 token=$2 id=$3 alg=$4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/in"

case $alg in
-7 | -37) hash=sha256 ;;
-35 | -38) hash=sha384 ;;
-36 | -39) hash=sha512 ;;
*) echo "token_sign: no algorithm $alg" >&2 && exit 2 ;;
esac

case $alg in
-7 | -35 | -36) mechanism=(-m ECDSA) ;;
-37 | -38 | -39)
    mechanism=(-m RSA-PKCS-PSS --hash-algorithm "${hash^^}" --mgf "MGF1-${hash^^}" --salt-len $((${hash#sha} / 8))) ;;
esac

openssl dgst "-$hash" -binary -out "$work/data" "$work/in"
pkcs11-tool --module "$module" --token-label "$token" --pin env:TOKEN_PIN --id "$id" \
    --sign "${mechanism[@]}" --input-file "$work/data" --output-file "$work/signature" >/dev/null 2>"$work/said" ||
    { cat "$work/said" >&2 && exit 1; }
cat "$work/signature"
