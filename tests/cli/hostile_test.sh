#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bytes that steer terminals or deceive readers, wherever something from outside is shown; and secrets that must not be.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ESC, C1, right-to-left override, line separator, BEL, DEL, and bytes that are no UTF-8
text=$'x\e[31m\u009b\u202e\u2028\a\x7f\\y'
broken=$'x\e[31m\xff\xc3y'
text_shown='x\x1b[31m\u{9b}\u{202e}\u{2028}\x07\x7f\\y'
broken_shown='x\x1b[31m\xff\xc3y'

clean() { # FILE...: printable characters and newlines alone
    "$python" - "$@" <<'PY'
import sys, unicodedata
for name in sys.argv[1:]:
    text = open(name, "rb").read().decode("utf-8", "strict")
    bad = [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")]
    assert not bad, (name, text)
PY
}

rig P-256
payload payload.json

# ---- file names, options, words ----

for name in "$text" "$broken"; do
    cp payload.json "$name"
    shown=$text_shown
    [ "$name" = "$broken" ] && shown=$broken_shown
    sign "${claims[@]}" "$name" -v >out 2>err
    has err "signed $shown -> $shown.cose (ES256"
    clean out err
    verify "$name.cose" >out 2>err
    has err "verified $shown.cose"
    clean out err
    sign "${claims[@]}" "$name" --json >json && die 'overwritten'
    clean json
    sign "${claims[@]}" "$name" 2>err && die 'overwritten'
    has err "'$shown.cose' exists"
    clean err
    for words in "inspect --$name" "inspect absent$name" "inspect a b$name" "verify --profile $name x" "$name" "sign --key"; do
        # shellcheck disable=SC2086
        IFS=' ' "$sigbridge" $words >out 2>err </dev/null && die 'accepted'
        clean out err
        # shellcheck disable=SC2086
        IFS=' ' "$sigbridge" $words --json >json 2>err </dev/null && die 'accepted'
        clean json err
    done
    refused 3 token-absent 'no token matches the URI' "$sigbridge" sign --key "pkcs11:token=absent" "${anchors[@]}" "${claims[@]}" payload.json -o never.cose
    refused 3 module 'the PKCS#11 module cannot be loaded: /absent' "$sigbridge" sign --key "$key" --module "/absent$name" "${anchors[@]}" "${claims[@]}" payload.json -o never.cose
    rm "$name" "$name.cose"
done

# JSON gives text exactly where it is text, and says where it had to escape
cp payload.json "$text"
sign "${claims[@]}" "$text" --json >json
TEXT=$text "$python" -c 'import json, os; d = json.load(open("json")); assert d["payload"] == os.environ["TEXT"] and d["escaped"] == [], d'
cp payload.json "$broken"
sign "${claims[@]}" "$broken" --json >json
is "$(field json 'd["payload"]')" "$broken_shown"
is "$(field json '"payload" in d["escaped"] and "statement" in d["escaped"]')" True
rm -- "$text"* "$broken"*

# ---- claims ----

for subject in "$text" "$broken"; do
    refused 2 subject 'control characters or is not UTF-8' sign --subject "$subject" --svn 7 --content-type application/json payload.json -o never.cose
    clean json
done
"$python" -W ignore "$here/foreign.py" good "$text" subject.cose
by=(subject.cose --root foreign-root.pem --eku "$eku")
"$sigbridge" verify "${by[@]}" -v >out 2>err
has err "subject: $text_shown"
clean out err
"$sigbridge" verify "${by[@]}" --subject "$text" --json >json
TEXT=$text "$python" -c 'import json, os; d = json.load(open("json")); assert d["subject"] == os.environ["TEXT"], d'
clean json
"$sigbridge" inspect subject.cose >out 2>err
has out "$text_shown"
clean out err
"$sigbridge" inspect subject.cose --json >json
clean json
for demand in --subject --issuer; do
    "$sigbridge" verify "${by[@]}" $demand "other$text" >out 2>err && die 'another one'
    clean out err
done

# ---- certificates ----

"$python" -W ignore "$here/certs.py" leaf.pem "$eku"
"$sigbridge" issuer derive --chain hostile.pem --chain soft-ca.pem --root soft-root.pem -v >out 2>err
has err '\u{202e}'
clean out err
"$sigbridge" inspect hostile.pem >out 2>err
has out '\u{202e}'
clean out err
"$sigbridge" inspect hostile.pem --json >json
clean json
for root in soft-root root; do
    "$sigbridge" issuer derive --chain hostile.pem --root $root.pem >out 2>err && die 'incomplete'
    clean out err
done

# ---- tokens: ours get no such labels, those of others have them ----

label=${text:0:12}
shown="x\x1b[31m\u{9b}\u{202e}\u{2028}\x07\x7f\\\\"
refused 4 usage 'control characters' "$sigbridge" token init --label "$text" --so-pin-file so-pin --pin-file pin
refused 4 usage 'control characters' "$sigbridge" token keygen pkcs11:token=release --label "$text" --pin-file pin
softhsm2-util --init-token --free --label "$label" --so-pin 12345678 --pin 1234 >/dev/null
pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label "$label" --login --pin 1234 --keypairgen --key-type EC:prime256v1 \
    --label "$text" --id 07 >/dev/null 2>&1
for options in '' '--pin-file pin' '--pin-file pin --json'; do
    # shellcheck disable=SC2086
    "$sigbridge" token list $options >out 2>err
    clean out err
done
TEXT=$text LABEL=$label "$python" -c '
import json, os
items = json.load(open("out"))["items"]
assert any(item.get("label") == os.environ["TEXT"] for item in items), items
assert any(item.get("token") == os.environ["LABEL"] for item in items), items'
uri=$(field out '[i["uri"] for i in d["items"] if i["kind"] == "private" and i["id"] == "07"][0]')
key=$uri sign "${claims[@]}" payload.json -o never.cose 2>err && die 'no certificate'
clean err
"$sigbridge" token keygen "${uri%%;id=*}" --label x --id 07 --type P-256 --pin-file pin >out 2>err && die 'the id is in use'
clean out err
on_terminal 1234 "$sigbridge" token list "$uri" --login >screen
sed -i 's/\r//' screen
has screen "PIN of token '$shown'"
clean screen
on_terminal no "$sigbridge" token delete "$uri" --pin-file pin >screen && die 'deleted'
sed -i 's/\r//' screen
has screen 'delete 1 object?'
clean screen

# ---- openssl.cnf changes nothing ----

cat >hostile.cnf <<CNF
openssl_conf = all
[all]
providers = providers
alg_section = algorithms
[providers]
crash = crash
[crash]
module = $work/crash.so
activate = 1
[algorithms]
default_properties = provider=elsewhere
CNF
printf '#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n' >crash.c
cc -shared -fPIC -o crash.so crash.c
OPENSSL_CONF=$work/hostile.cnf openssl version -a >out 2>&1 && OPENSSL_CONF=$work/hostile.cnf openssl dgst -sha256 payload.json >out 2>&1 &&
    die 'this configuration does no harm'
key='pkcs11:token=release;object=mst'
OPENSSL_CONF=$work/hostile.cnf sign "${claims[@]}" payload.json -o conf.cose -q
OPENSSL_CONF=$work/hostile.cnf verify -q conf.cose
OPENSSL_CONF=$work/hostile.cnf "$sigbridge" issuer derive --chain chain.pem --root root.pem >/dev/null

# ---- the PIN is nowhere: not in argv, environment, output; not in a core, because there is none ----

export SECRET_PIN=1234
SECRET_PIN=918273645 "$python" - "$sigbridge" "$key" "${anchors[@]}" "${claims[@]}" <<'PY'
import os, subprocess, sys, time
os.mkfifo("gate")
child = subprocess.Popen([sys.argv[1], "sign", "--key", sys.argv[2], *sys.argv[3:], "--hash", "sha256", "gate", "-o", "x.cose",
                          "--pin-env", "SECRET_PIN"], stderr=subprocess.PIPE)
time.sleep(0.5)
base = f"/proc/{child.pid}/"
for name in ("environ", "cmdline"):
    try:
        assert b"918273645" not in open(base + name, "rb").read(), name
    except PermissionError:  # not dumpable: nobody but root may even look
        assert os.geteuid() != 0 and name != "cmdline"
assert "Max core file size        0                    0" in open(base + "limits").read()
os.kill(child.pid, 15)
child.wait(10)
assert b"918273645" not in child.stderr.read()
PY
