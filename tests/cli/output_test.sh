#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files appear whole or not at all, and replace nothing unasked; terminals get no binary; signals leave nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json

# ---- overwriting ----

sign "${claims[@]}" payload.json -q
[ -f payload.json.cose ] || die 'no default name'
cp payload.json.cose first
refused 4 exists "'payload.json.cose' exists and is not overwritten; name another file or add --force" sign "${claims[@]}" payload.json
cmp first payload.json.cose
# nothing is signed for it: the token is not even opened
refused 4 exists 'payload.json.cose' "$sigbridge" sign --key 'pkcs11:token=absent' "${anchors[@]}" "${claims[@]}" payload.json
sign "${claims[@]}" payload.json -q --force
cmp -s first payload.json.cose && die 'not replaced'
verify -q payload.json.cose
refused 4 usage "would replace its payload" sign "${claims[@]}" payload.json -o ./payload.json --force
refused 4 usage "would replace the statement" verify payload.json.cose --payload-out payload.json.cose --force
sign "${claims[@]}" payload.json -o one --result one --force 2>err && die 'two outputs, one file'
has err "usage: two outputs are to be written to 'one'; name two files"
verify payload.json.cose --payload-out two --result two --force 2>err && die 'two outputs, one file'
has err "two outputs are to be written to 'two'"
rm one two # the result says so too
ln -s nowhere dangling
refused 4 exists dangling sign "${claims[@]}" payload.json -o dangling
sign "${claims[@]}" payload.json -o dangling -q --force
if [ -L dangling ] || [ -e nowhere ]; then die 'a link was followed'; fi

# ---- where nothing can be written ----

mkdir folder
refused 4 io "'folder' is a folder" sign "${claims[@]}" payload.json -o folder --force
refused 4 usage 'does not name a file' sign "${claims[@]}" payload.json -o folder/
refused 4 usage 'does not name a file' sign "${claims[@]}" payload.json -o ''
refused 4 io "cannot write in the folder 'absent/': No such file" sign "${claims[@]}" payload.json -o absent/x.cose
refused 4 exists '/dev/null' sign "${claims[@]}" payload.json -o /dev/null
refused 4 io "'/dev/null' is not a regular file" sign "${claims[@]}" payload.json -o /dev/null --force
mkfifo fifo
refused 4 io "'fifo' is not a regular file" sign "${claims[@]}" payload.json -o fifo --force
if [ ! -p fifo ] || [ ! -c /dev/null ]; then die 'a device or pipe was replaced'; fi
name=$(printf 'n%.0s' {1..250})
sign "${claims[@]}" payload.json -o "$name.cose" -q
refused 4 io 'File name too long' sign "${claims[@]}" payload.json -o "$name.cose-and-more"
status=0
sign "${claims[@]}" payload.json -o - >/dev/full 2>err || status=$?
is "$status" 4
has err 'cannot write standard output: No space left on device'

# a limit of file sizes, as a full disk: nothing stays
"$python" - "$sigbridge" "${anchors[@]}" <<'PY'
import os, resource, subprocess, sys
before = sorted(os.listdir("folder"))
limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
done = subprocess.run([sys.argv[1], "verify", *sys.argv[2:], "payload.json.cose", "--payload-out", "folder/x"],
                      preexec_fn=limit, stderr=subprocess.PIPE)
assert done.returncode == 4 and b"File too large" in done.stderr, done
assert sorted(os.listdir("folder")) == before, os.listdir("folder")
PY

# ---- permissions ----

(umask 027 && sign "${claims[@]}" payload.json -o mode.cose -q)
is "$(stat -c %a mode.cose)" 640
(umask 077 && sign "${claims[@]}" payload.json -o mode.cose -q --force)
is "$(stat -c %a mode.cose)" 600

# ---- terminals ----

on_terminal '' "$sigbridge" sign --key "$key" "${anchors[@]}" "${claims[@]}" --pin-file pin payload.json -o - >screen && die 'binary on a terminal'
has screen 'standard output is a terminal'
script -qec "$sigbridge verify --root root.pem --eku $eku payload.json.cose --payload-out -" typescript >/dev/null </dev/null && die 'binary on a terminal'
has typescript 'standard output is a terminal'
on_terminal '' env NO_COLOR= "$sigbridge" verify "${anchors[@]}" payload.json.cose >screen
has screen 'verified payload.json.cose'
if grep -q $'\e' screen typescript; then die 'colours'; fi

# ---- signals ----

"$python" - "$sigbridge" "$key" "${anchors[@]}" "${claims[@]}" <<'PY'
import os, shutil, signal, subprocess, sys, time
os.mkdir("quiet")
os.mkfifo("pins")
command = [sys.argv[1], "sign", "--key", sys.argv[2], *sys.argv[3:], "payload.json", "-o", "quiet/x.cose"]
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    child = subprocess.Popen(command + ["--pin-file", "pins"], stderr=subprocess.DEVNULL)
    pipe = os.open("pins", os.O_WRONLY)  # it has the file open now, and waits
    child.send_signal(number)
    assert child.wait(10) == -number, child.returncode
    os.close(pipe)
    assert os.listdir("quiet") == [], os.listdir("quiet")
# whenever the signal comes: a whole file, or none. SoftHSM itself is not that careful with its token: it has a copy.
shutil.copytree("tokens", "copy")
for step in range(30):
    shutil.rmtree("tokens")
    shutil.copytree("copy", "tokens")
    child = subprocess.Popen(command + ["--pin-file", "pin", "--force"], stderr=subprocess.DEVNULL)
    time.sleep(0.002 * step)
    child.send_signal(signal.SIGTERM)
    child.wait(10)
    left = os.listdir("quiet")
    assert left in ([], ["x.cose"]), left
    if left:
        subprocess.run([sys.argv[1], "verify", *sys.argv[3:7], "-q", "quiet/x.cose"], check=True)
shutil.rmtree("tokens")
os.rename("copy", "tokens")
# one that was ignored stays ignored: nohup
child = subprocess.Popen(command + ["--pin-file", "pins", "--force"], stderr=subprocess.DEVNULL,
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
pipe = os.open("pins", os.O_WRONLY)
child.send_signal(signal.SIGHUP)
os.write(pipe, b"1234\n")
os.close(pipe)
assert child.wait(10) == 0
PY
