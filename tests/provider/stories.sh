# shellcheck shell=bash
# shellcheck disable=SC2154 # $work, $sigbridge, $top are those of the lib.sh that is sourced before
# SPDX-License-Identifier: Apache-2.0
# Stories of OpenSSL's own tools and a key of a token: each takes the URI of the key (or a file that wraps it), whatever the
# module is, and what the key signs is judged without the provider. Sourced behind a lib.sh: SoftHSM's keys go through them in
# this folder, those of other modules in tests/rigs.
ossl_modules=${SIGBRIDGE_BUILD:-$top/build}/lib/ossl-modules

# ---- the tools, with the provider and without it ----

# configure FILE LINE...: openssl.cnf with `default` and the provider, and more lines in the provider's section.
configure() { configure_module "$PKCS11_MODULE_PATH" "$@"; }
configure_module() { # MODULE FILE LINE...
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = software' 'sigbridge = sigbridge' \
        '[software]' 'activate = 1' '[sigbridge]' "module = $ossl_modules/sigbridge.so" "module-path = $1" \
        "${@:3}" 'activate = 1' >"$2"
}

# hsm COMMAND...: openssl with the provider. What succeeds says nothing on standard error.
hsm() {
    OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl "$@" 2>err || die "openssl $*: $(cat -v err)"
    if [ -s err ] && grep -vE '^(Certificate request self-signature ok|subject=|Using configuration|Signature ok|Response has been generated)|NCONF_get_string:no value' err >&2; then
        die "openssl $*: it says more than it should"
    fi
}

# chatty COMMAND...: the same, of a tool that tells on standard error what it does.
chatty() {
    OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl "$@" 2>err || die "openssl $*: $(cat -v err)"
}

# soft COMMAND...: openssl without the provider, and without any configuration.
soft() { OPENSSL_CONF=/dev/null timeout 60 openssl "$@"; }

# hsm_refused WORDS COMMAND...: it fails, by itself and in time, and says so in our words.
hsm_refused() {
    local words=$1 status=0
    shift
    OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl "$@" >out 2>err || status=$?
    [ "$status" -ne 0 ] || die "openssl $*: was not refused"
    [ "$status" -lt 124 ] || die "openssl $*: hung or crashed ($status): $(cat -v err)"
    has err "$words"
}

# ---- signatures of a file "message" ----

public_of() { # KEY FILE: its public key, as software writes it
    hsm pkey -in "$1" -pubout -out "$2"
}

dgst_story() { # KEY PUBLIC DIGEST...: a message in pieces
    local digest
    for digest in "${@:3}"; do
        hsm dgst "-$digest" -sign "$1" -out signature message
        is "$(soft dgst "-$digest" -verify "$2" -signature signature message)" 'Verified OK'
        is "$(hsm dgst "-$digest" -verify "$2" -signature signature message)" 'Verified OK'
    done
}

pss_story() { # KEY PUBLIC SALT DIGEST...
    local digest pss=(-sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$3")
    for digest in "${@:4}"; do
        hsm dgst "-$digest" "${pss[@]}" -sign "$1" -out signature message
        is "$(soft dgst "-$digest" "${pss[@]}" -verify "$2" -signature signature message)" 'Verified OK'
    done
}

pkeyutl_story() { # KEY PUBLIC OPTION...: a digest that is made already
    soft dgst -sha256 -binary -out digest message
    hsm pkeyutl -sign -inkey "$1" -in digest -out signature "${@:3}"
    for judge in soft hsm; do
        "$judge" pkeyutl -verify -pubin -inkey "$2" -in digest -sigfile signature "${@:3}" >out
        has out 'Signature Verified Successfully'
    done
}

# ---- an authority ----

req_story() { # CA-KEY KEY: req, x509 -req; ca.pem, and leaf.csr and leaf.pem of the other key
    printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' '[v3_ca]' 'basicConstraints = critical,CA:TRUE' \
        'keyUsage = critical,keyCertSign,cRLSign' 'subjectKeyIdentifier = hash' >req.cnf
    hsm req -x509 -new -config req.cnf -extensions v3_ca -key "$1" -subj '/CN=Story CA' -days 30 -out ca.pem
    soft verify -check_ss_sig -CAfile ca.pem ca.pem >out
    has out 'ca.pem: OK'
    hsm req -new -config req.cnf -key "$2" -subj '/CN=leaf' -out leaf.csr
    soft req -in leaf.csr -verify -noout >out 2>&1
    has out 'self-signature verify OK'
    echo 'basicConstraints = CA:FALSE' >leaf.ext
    hsm x509 -req -in leaf.csr -CA ca.pem -CAkey "$1" -CAcreateserial -days 10 -extfile leaf.ext -out leaf.pem
    soft verify -CAfile ca.pem leaf.pem >out
    has out 'leaf.pem: OK'

    # the key's certificate and the key belong together, also as OpenSSL sees it
    hsm x509 -in ca.pem -noout -pubkey >certified.pub
    public_of "$1" ca.pub
    cmp certified.pub ca.pub
}

pss_req_story() { # KEY: RSA-PSS says its padding in the certificate; behind req_story
    hsm req -x509 -new -config req.cnf -extensions v3_ca -key "$1" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
        -subj '/CN=PSS CA' -days 30 -out pss.pem
    soft verify -check_ss_sig -CAfile pss.pem pss.pem >out
    has out 'pss.pem: OK'
    soft x509 -in pss.pem -noout -text >text
    has text 'Salt Length: 0x20'
}

ca_story() { # CA-KEY: ca, crl; behind req_story, issues issued.pem and revokes it
    mkdir issued
    touch index
    echo 1000 >serial
    echo 01 >crlnumber
    printf '%s\n' '[ca]' 'default_ca = story' '[story]' "database = $work/index" "serial = $work/serial" "crlnumber = $work/crlnumber" \
        "new_certs_dir = $work/issued" "certificate = $work/ca.pem" 'default_md = sha384' 'policy = policy' 'default_days = 5' \
        'default_crl_days = 5' 'rand_serial = no' '[policy]' 'commonName = supplied' >ca.cnf
    chatty ca -batch -config ca.cnf -keyfile "$1" -in leaf.csr -out issued.pem
    soft verify -CAfile ca.pem issued.pem >out
    has out 'issued.pem: OK'
    chatty ca -batch -config ca.cnf -keyfile "$1" -revoke issued.pem
    chatty ca -batch -config ca.cnf -keyfile "$1" -gencrl -out crl.pem
    soft crl -in crl.pem -CAfile ca.pem -noout >out 2>&1
    has out 'verify OK'
    if soft verify -crl_check -CRLfile crl.pem -CAfile ca.pem issued.pem >out 2>&1; then die 'a revoked certificate passes'; fi
    has out 'certificate revoked'
}

ocsp_story() { # FILE: that wraps the CA's key; behind ca_story
    soft ocsp -issuer ca.pem -cert issued.pem -no_nonce -reqout request 2>err
    chatty ocsp -index index -CA ca.pem -rsigner ca.pem -rkey "$1" -reqin request -respout response
    soft ocsp -issuer ca.pem -cert issued.pem -no_nonce -respin response -CAfile ca.pem >out 2>&1
    has out 'issued.pem: revoked'
    has out 'Response verify OK'
}

# ---- messages ----

cms_verified() { # ROOT COMMAND OPTION...
    soft "$2" -verify -CAfile "$1" "${@:3}" -out content 2>out || die "$2: $(cat out)"
    grep -qiE 'verification successful' out || die "$2: $(cat out)"
    is "$(tr -d '\r' <content)" 'what is signed'
}

cms_story() { # ROOT SIGNER CERTIFICATE KEY: cms by the signer's certificate on the token, smime by the same in a file
    local digest signer=(-signer "$2" -inkey "$4;type=private")
    for digest in sha256 sha384; do
        hsm cms -sign -binary -in message "${signer[@]}" -md "$digest" -nodetach -outform DER -out signed.der
        cms_verified "$1" cms -inform DER -in signed.der
        hsm cms -sign -binary -in message "${signer[@]}" -md "$digest" -outform PEM -out detached.pem
        cms_verified "$1" cms -inform PEM -in detached.pem -content message -binary
    done
    hsm cms -sign -binary -noattr -in message "${signer[@]}" -nodetach -outform DER -out signed.der
    cms_verified "$1" cms -inform DER -in signed.der
    hsm smime -sign -in message -signer "$3" -inkey "$4" -out signed.eml
    cms_verified "$1" smime -in signed.eml

    # a changed content is found out
    echo 'what is changed' >changed
    if soft cms -verify -CAfile "$1" -inform PEM -in detached.pem -content changed -binary -out content 2>out; then
        die 'a changed content passes'
    fi
}

cms_pss_story() { # ROOT CERTIFICATE KEY OPTION...
    hsm cms -sign -binary -in message -signer "$2" -inkey "$3" -keyopt rsa_padding_mode:pss "${@:4}" -md sha256 -nodetach -outform DER \
        -out signed.der
    cms_verified "$1" cms -inform DER -in signed.der
    soft cms -cmsout -print -noout -inform DER -in signed.der >text
    has text rsassaPss
}

ts_story() { # CA-KEY CA-CERTIFICATE KEY FILE: a time stamp authority, whose -inkey takes a file
    hsm req -new -key "$3" -subj '/CN=Time' -out time.csr
    printf 'extendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature\n' >time.ext
    hsm x509 -req -in time.csr -CA "$2" -CAkey "$1" -days 10 -extfile time.ext -out time.pem -CAcreateserial
    soft ts -query -data message -sha256 -cert -out query 2>err
    printf '%s\n' '[tsa]' 'default_tsa = story' '[story]' "serial = $work/ts-serial" 'default_policy = 1.2.3.4' 'digests = sha256' \
        'signer_digest = sha256' 'accuracy = secs:1' "signer_cert = $work/time.pem" "certs = $work/$2" >tsa.cnf
    echo 01 >ts-serial
    hsm ts -reply -queryfile query -config tsa.cnf -section story -signer time.pem -inkey "$4" -out reply
    soft ts -verify -queryfile query -in reply -CAfile "$2" >out 2>err || die "$(cat err)"
    has out 'Verification: OK'
}

# ---- what a token holds ----

total() { sed -n 's/^Total found: //p' "$1"; }

store_story() { # KEY CERTIFICATE: storeutl; the certificate is found without a PIN, the private key where it is said to be wanted
    local conf=$work/without-pin.cnf
    hsm storeutl -noout -certs "$1" >listed </dev/null
    is "$(total listed)" 1
    hsm x509 -in "$1;type=cert" -out found.pem </dev/null
    cmp <(soft x509 -in "$2") <(soft x509 -in found.pem)
    conf=$work/with-pin.cnf
    hsm storeutl -noout -keys "$1" >listed
    is "$(total listed)" 1
    hsm storeutl -noout "$1;type=private" >listed
    is "$(total listed)" 1
    has listed Pkey
}

# ---- TLS; the other side's root is in roots.pem ----

server_pid=
server_gone() { # whatever became of the story
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
}

# serve CONF OPTION...: s_server on a free port of the loopback, which it tells; $port.
serve() {
    : >server.out # the port of the last one is not this one's
    OPENSSL_CONF=$1 openssl s_server -accept 127.0.0.1:0 -CAfile roots.pem -www "${@:2}" </dev/null >server.out 2>server.err &
    server_pid=$!
    port=
    for _ in $(seq 100); do
        port=$(sed -n 's/^ACCEPT 127\.0\.0\.1:\([0-9]*\)$/\1/p' server.out)
        [ -n "$port" ] && return
        sleep 0.1
    done
    die "no server: $(cat server.err)"
}

# It ends by itself, after as many clients as it was told: who is killed leaves a session in a TPM.
served() {
    wait "$server_pid" || die "the server ends with an error: $(cat server.err)"
    server_pid=
}

# shake CONF OPTION...: one handshake, verified, and a page that comes back over it.
shake() {
    printf 'GET / HTTP/1.0\r\n\r\n' >request
    OPENSSL_CONF=$1 timeout 30 openssl s_client -connect "127.0.0.1:$port" -CAfile roots.pem -verify_return_error -ign_eof \
        "${@:2}" <request >client.out 2>client.err || die "no handshake (${*:2}): $(cat client.err server.err)"
    has client.out 'Verify return code: 0 (ok)'
    has client.out 'HTTP/1.0 200 ok'
}

tls_story() { # CERTIFICATE KEY: of a server, whose clients have no provider
    local version
    serve "$work/with-pin.cnf" -cert "$1" -key "$2" -naccept 4
    for version in -tls1_3 -tls1_2 -tls1_3 -tls1_2; do shake /dev/null "$version"; done
    served
}

rsa_tls_story() { # CERTIFICATE KEY SIGALG...: RSA signs with several paddings in TLS 1.2
    local scheme
    serve "$work/with-pin.cnf" -cert "$1" -key "$2" -naccept $(($# - 2))
    for scheme in "${@:3}"; do shake /dev/null -tls1_2 -sigalgs "$scheme"; done
    served
}

mutual_tls_story() { # CONF CERTIFICATE KEY of the server, CONF CERTIFICATE KEY SUBJECT of the client
    local version
    serve "$1" -cert "$2" -key "$3" -Verify 1 -verify_return_error -naccept 2
    for version in -tls1_3 -tls1_2; do
        shake "$4" "$version" -cert "$5" -key "$6"
        has client.out "Subject: $7"
    done
    served
}
