# SPDX-License-Identifier: Apache-2.0
"""Holds the JSON document of a refusal against what was wanted: refusal.py FILE EXIT NAME WORDS"""
import json
import sys


def unique(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


name, status, error, words = sys.argv[1:]
raw = open(name, "rb").read()
assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in raw), raw
document = json.loads(raw, object_pairs_hook=unique)
want = {"schema": "sigbridge/1", "ok": False, "exit": int(status), "name": error}
found = {key: document.get(key, document["error"].get(key)) for key in want}
if found != want or words not in document["error"]["text"]:
    sys.exit(f"FAILED: found {document}, wanted {want} and the words {words!r}")
assert set(document) == {"schema", "verb", "ok", "exit", "error", "notes", "escaped"}, document
