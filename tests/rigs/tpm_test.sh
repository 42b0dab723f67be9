#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tpm2-pkcs11, straight on a simulated TPM: keys on P-256 and P-384. (RSA-PSS needs the resource manager: root/tpm.sh.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$rigs/tpm.sh"

authority
tpm_new
token_of "$tpm_module" tpm
tpm_key EC:prime256v1 p256 01
tpm_key EC:secp384r1 p384 02
signs_by_itself tpm-p256 ES256 "$(tpm_uri p256)"
signs_by_itself tpm-p384 ES384 "$(tpm_uri p384)"

# After a power cut the token is the same.
tpm_stop
tpm_start
sign_as "$(tpm_uri p256)" tpm-p256.pem again.cose
judged_good again.cose ES256
