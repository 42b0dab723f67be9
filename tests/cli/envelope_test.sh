#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Payloads that stay outside: hash envelopes of files and streams, detached payloads.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
head -c 3000000 /dev/urandom >artifact
type=(--subject svc.example --svn 7 --content-type application/octet-stream)

# ---- hash envelope ----

for hash in sha256 sha384 sha512; do
    sign "${type[@]}" --hash "$hash" artifact -o "$hash.cose" --location https://example.com/a --json >json
    is "$(field json 'd["hash"], d["digest"]')" "('$hash', '$(openssl dgst "-$hash" -r artifact | cut -d' ' -f1)')"
    is "$(field json 'd["location"], d["content_type"]')" "('https://example.com/a', 'application/octet-stream')"
    "$python" "$top/tests/interop/check_statement.py" "$hash.cose" --root root.pem --eku "$eku" --artifact artifact \
        --location https://example.com/a
    verify "$hash.cose" --artifact artifact 2>err
    has err 'verified '
    has err 'location: https://example.com/a'
    hasnt err 'artifact not compared'
    verify "$hash.cose" --artifact - <artifact -q
    verify "$hash.cose" 2>err
    has err 'artifact not compared'
    verify "$hash.cose" --json >json
    is "$(field json '"artifact not compared" in d["unchecked"], d["hash"]')" "(True, '$hash')"
    printf x | cat artifact - >longer
    refused 1 artifact 'its digest differs from the statement' verify "$hash.cose" --artifact longer
done
sign "${type[@]}" --hash sha256 - -o stream.cose <artifact 2>err
has err 'signed - -> stream.cose (ES256'
verify stream.cose --artifact artifact 2>err
hasnt err 'location'
sign "${type[@]}" --hash sha256 - -o pipe.cose -q < <(cat artifact)
verify pipe.cose --artifact <(cat artifact) -q

# an empty artifact is one; an empty payload is none
: >empty
sign "${type[@]}" --hash sha256 empty -o empty.cose -q
verify empty.cose --artifact empty -q
refused 1 artifact 'its digest differs from the statement' verify empty.cose --artifact payload.json

refused 4 io "cannot read the artifact 'absent'" sign "${type[@]}" --hash sha256 absent -o never.cose
refused 4 io 'Is a directory' verify sha256.cose --artifact .
refused 4 payload 'the statement holds its own; leave it out' verify sha256.cose --payload artifact

verify - --artifact - 2>err <sha256.cose && die 'one standard input'
has err 'usage: standard input cannot be both the statement and the artifact'

# rules of the envelope
"$python" "$here/mutate.py" type-beside-digest sha256.cose spoilt.cose
refused 4 hash-envelope 'label 3 stands beside 258' verify spoilt.cose
"$python" "$here/mutate.py" short-digest sha256.cose spoilt.cose
refused 4 digest-length 'the payload has 31 bytes where a sha256 digest has 32' verify spoilt.cose

# an artifact that changes while it is hashed
"$python" - "$sigbridge" "${anchors[@]}" <<'PY'
import json, os, subprocess, sys, time
with open("growing", "wb") as file:
    file.truncate(256 << 20)
child = subprocess.Popen([sys.argv[1], "verify", *sys.argv[2:], "sha256.cose", "--artifact", "growing", "--json"],
                         stdout=subprocess.PIPE)
while child.poll() is None:
    with open("growing", "ab") as file:
        file.write(b"x")
    time.sleep(0.005)
document = json.loads(child.communicate()[0])
assert document["error"]["name"] == "artifact-changed", document
os.unlink("growing")
PY

# progress: on a terminal, for what takes long, and gone in the end
"$python" - "$here/terminal.py" "$sigbridge" "${anchors[@]}" <<'PY'
import os, subprocess, sys, time
os.mkfifo("slow")
child = subprocess.Popen([sys.executable, sys.argv[1], "", sys.argv[2], "verify", *sys.argv[3:], "sha256.cose", "--artifact", "slow"],
                         stdout=subprocess.PIPE)
with open("artifact", "rb") as source, open("slow", "wb") as slow:
    for _ in range(3):
        slow.write(source.read(1000000))
        slow.flush()
        time.sleep(0.7)
shown = child.communicate()[0]
assert child.returncode == 0, shown
assert b"\rhashing: " in shown and b"  \r" in shown, shown
os.unlink("slow")
PY
verify sha256.cose --artifact artifact 2>err
hasnt err hashing

# ---- detached ----

sign "${claims[@]}" payload.json -o detached.cose --detached --profile cose --json >json
is "$(field json 'd["detached"]')" True
"$python" "$top/tests/interop/check_statement.py" detached.cose --root root.pem --eku "$eku" --payload payload.json
verify detached.cose --profile cose --payload payload.json --payload-out out.json -q
cmp payload.json out.json
verify detached.cose --profile cose --payload - -q <payload.json
refused 4 payload 'the payload is detached' verify detached.cose --profile cose
refused 1 signature 'the ES256 signature is wrong' verify detached.cose --profile cose --payload artifact
refused 2 profile 'a detached payload is outside the mst profile' verify detached.cose --payload payload.json
