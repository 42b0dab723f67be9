# SPDX-License-Identifier: Apache-2.0
"""Statements with time stamps, read by software that shares no code with sigbridge.

stamped.py BEFORE AFTER signature|payload TOKEN DATA
    AFTER has a time stamp token: of its signature, beside what BEFORE has and nothing else; or of its payload, in the
    protected header. Writes the token, and the bytes whose digest must be in it, which is checked.
stamped.py spoil TOKEN signature|content OUT
    Flips a bit.
"""
import hashlib
import sys

import cbor2


def parts(path):
    with open(path, "rb") as file:
        tag = cbor2.loads(file.read())
    assert tag.tag == 18, tag.tag
    return tag.value


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def extract(before, after, kind, token_path, data_path):
    old, new = parts(before), parts(after)
    protected, unprotected, payload, signature = new
    if kind == "signature":
        assert [old[0], old[2], old[3]] == [protected, payload, signature], "more than the header changed"
        token, data = unprotected[270], cbor2.dumps(signature)
        assert list(unprotected) == [*old[1], 270] and {**old[1], 270: token} == unprotected, unprotected.keys()
        with open(before, "rb") as one, open(after, "rb") as other:
            one, other, head = one.read(), other.read(), 2 + len(cbor2.dumps(protected))
        assert one[:head] == other[:head] and one[head] == 0xA0 and other[head] == 0xA1, "not an entry more in an empty map"
        assert other[head + 1:] == cbor2.dumps(270) + cbor2.dumps(token) + one[head + 1:], "other bytes changed"
    else:
        header = cbor2.loads(protected)
        token, data = header[269], payload
        assert list(header) == sorted(header) and 269 not in unprotected, header.keys()
    assert hashlib.sha256(data).digest() in token, "the imprint is not of these bytes"
    write(token_path, token)
    write(data_path, data)


def spoil(path, place, out):
    with open(path, "rb") as file:
        token = bytearray(file.read())
    # the second digit of the seconds in genTime; the signature is last
    at = len(token) - 3 if place == "signature" else token.index(b"\x18\x0f20") + 15
    token[at] ^= 1
    write(out, token)


if __name__ == "__main__":
    if sys.argv[1] == "spoil":
        spoil(*sys.argv[2:])
    else:
        extract(*sys.argv[1:])
