#!/usr/bin/env python3
"""Reads a backup (docs/archive-format.md) and checks that it is whole, sharing no code with the product.

Usage: read_archive.py FOLDER [--items]     --items prints every line of the backup on standard output

Needs the commands zstd (or gzip) and sha256sum, and the module xxhash (Debian: python3-xxhash). Exit status 0: everything is proved.
"""
import base64
import json
import os
import re
import struct
import subprocess
import sys

import xxhash

COMPRESSIONS = {"zstd": (".zst", ["zstd", "-dcq"]), "gzip": (".gz", ["gzip", "-dcq"])}
NATIVE = "native-postgresql-1"
TAIL = re.compile(rb',\n "manifest_sha256": "([0-9a-f]{64})"\n}\n\Z')
MODULUS = 1 << 128


def check(truth, what):
    if not truth:
        sys.exit(f"damaged: {what}")


def run(command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def sha256(data):
    return run(["sha256sum", "-b"], data)[:64].decode()


def by_bytes(texts):
    return sorted(texts, key=lambda text: text.encode())


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def canonical_value(typed):
    [(kind, value)] = typed.items()
    if isinstance(value, list):
        check(len(set(value)) == len(value), "a set holds a member twice")
        return {kind: by_bytes(value)}
    if isinstance(value, dict):
        return {kind: {key: value[key] for key in by_bytes(value)}}
    return {kind: value}


def canonical(item):
    return to_json({name: canonical_value(item[name]) for name in by_bytes(item)})


def xxh3(text):
    return xxhash.xxh3_128_intdigest(text.encode())


def read_manifest(folder):
    with open(os.path.join(folder, "manifest.json"), "rb") as file:
        data = file.read()
    tail = TAIL.search(data)
    check(tail and sha256(data[: tail.start()]) == tail[1].decode(), "manifest.json: SHA-256")
    manifest = json.loads(data)
    check(manifest["format"] == "magnetodb-backup" and manifest["format_version"] == 1, "another format")
    check(set(manifest["requires"]) <= {*COMPRESSIONS, NATIVE}, f"requires {manifest['requires']}")
    check((manifest["data_format"] == "native") == (NATIVE in manifest["requires"]), "data_format")
    return manifest


def read_object(folder, name, digest, size, pattern):
    check(re.fullmatch(pattern, name) and digest in name, f"{name}: name")
    with open(os.path.join(folder, name), "rb") as file:
        data = file.read()
    check(len(data) == size, f"{name}: size")
    check(sha256(data) == digest, f"{name}: SHA-256")
    return data


def read_entries(folder, manifest):
    for entry in manifest["chunk_lists"]:
        data = read_object(folder, entry["name"], entry["sha256"], entry["size"], r"lists/[0-9a-f]{64}\.jsonl")
        lines = data.decode().split("\n")[:-1]
        check(len(lines) == entry["chunks"], f"{entry['name']}: number of chunks")
        yield from map(json.loads, lines)


def read_chunk(folder, entry, manifest):
    compression, command = COMPRESSIONS.get(manifest["compression"], ("", None))
    native = manifest["data_format"] == "native"
    pattern = r"chunks/[0-9a-f]{64}" + re.escape((".pgcopy" if native else ".jsonl") + compression)
    data = read_object(folder, entry["name"], entry["sha256"], entry["stored_bytes"], pattern)
    raw = run(command, data) if command else data
    check(len(raw) == entry["raw_bytes"], f"{entry['name']}: size before compression")
    if native:
        return [line_of(row, manifest["table"]) for row in read_rows(raw, entry["name"], manifest["table"])]
    check(raw.endswith(b"\n"), f"{entry['name']}: its last line")
    return raw.decode().split("\n")[:-1]


def read_rows(raw, name, table):
    """The rows of a file of PostgreSQL's binary copy format, as lists of bytes; None: NULL."""
    check(raw[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8), f"{name}: header")
    at = 19
    while True:
        (columns,) = struct.unpack_from(">h", raw, at)
        at += 2
        if columns == -1:
            break
        check(columns == 4 + len(table["local_secondary_indexes"]), f"{name}: number of columns")
        row = []
        for _ in range(columns):
            (length,) = struct.unpack_from(">i", raw, at)
            at += 4
            row.append(None if length == -1 else raw[at : at + length])
            at += max(length, 0)
        yield row
    check(at == len(raw), f"{name}: something behind its end")


def line_of(row, table):
    """The line that a portable backup would have for the row, whose key columns must be the item's."""
    hash_key, range_key, item, expiry, *indexed = row
    parsed = json.loads(item)
    types = {each["attribute_name"]: each["attribute_type"] for each in table["attribute_definitions"]}
    names = [element["attribute_name"] for element in table["key_schema"]]
    names += [element["attribute_name"] for index in table["local_secondary_indexes"] for element in index["key_schema"][1:]]
    for name, column in zip(names, [hash_key, range_key, *indexed] if len(table["key_schema"]) > 1 else [hash_key]):
        typed = parsed.get(name)
        check((typed is None) == (column is None), f"the column of {name} and its item")
        if typed and types[name] in "SB":
            check(column == (typed["S"].encode() if "S" in typed else base64.b64decode(typed["B"])), f"the column of {name}")
    expires = "" if expiry is None else ',"Expires":%d' % struct.unpack(">q", expiry)
    return '{"Item":' + item.decode() + expires + "}"


def main(folder, print_items):
    manifest = read_manifest(folder)
    key_names = [element["attribute_name"] for element in manifest["table"]["key_schema"]]
    buckets = [[0, 0] for _ in range(256)]
    ranges = [[0, 0, 0] for _ in manifest["ranges"]]
    totals = dict.fromkeys(("items", "expiring", "raw_bytes", "stored_bytes"), 0)
    keys = set()
    for entry in read_entries(folder, manifest):
        lines = read_chunk(folder, entry, manifest)
        digest = expiring = 0
        for line in lines:
            parsed = json.loads(line)
            text = canonical(parsed["Item"])
            check(line.startswith('{"Item":' + text), f"{entry['name']}: an item is not canonical")
            key = to_json({name: canonical_value(parsed["Item"][name]) for name in key_names})
            check(key not in keys, f"{entry['name']}: a key is there twice")
            keys.add(key)
            expiring += "Expires" in parsed
            digest += xxh3(text)
            bucket = buckets[xxh3(key) >> 120]
            bucket[0] += 1
            bucket[1] += xxh3(text)
            if print_items:
                print(line)
        check(len(lines) == entry["items"] and expiring == entry["expiring"], f"{entry['name']}: counts")
        check(f"{digest % MODULUS:032x}" == entry["digest"], f"{entry['name']}: set digest")
        for index, addend in enumerate((entry["items"], digest, 1)):
            ranges[entry["range"]][index] += addend
        for key in totals:
            totals[key] += entry[key]
    names = ("item_count", "expiring_count", "table_size_bytes", "size_bytes")
    check([manifest[name] for name in names] == list(totals.values()), "manifest.json: counts")
    check([f"{count}:{total % MODULUS:032x}" for count, total in buckets] == manifest["buckets"], "manifest.json: buckets")
    found = [{"items": items, "digest": f"{digest % MODULUS:032x}", "chunks": chunks} for items, digest, chunks in ranges]
    check(found == manifest["ranges"], "manifest.json: ranges")
    print(f"whole: {totals['items']} items of {manifest['table_name']}", file=sys.stderr)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(sys.argv[1], "--items" in sys.argv[2:])
