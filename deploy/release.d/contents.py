#!/usr/bin/env python3
"""Names what is inside the program: writes a bill of materials (CycloneDX) and the texts of all licences.

    contents.py --features FEATURES --commit COMMIT --bill FILE --licences FILE

The crates are those that cargo links for FEATURES (`cargo tree`, without macros and what runs at build time alone). C code and pages
come with some of them, as the table EMBEDDED says. Fails when a crate links C code that is not in the table, or when there is
neither the text of a licence nor a known one: then the program may not be passed on.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import urllib.parse
import uuid
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = "x86_64-unknown-linux-gnu"
PACKAGE = "order-service"
LICENCE_FILE = re.compile(r"(.*[-_])?(licen[sc]es?|copying|copyright|unlicense|notice)([-_.].*)?", re.IGNORECASE)
# Licences whose text is the same for everyone, or the same but for the names of the authors.
KNOWN = {"Apache-2.0": ROOT / "LICENSE-APACHE", "MIT": ROOT / "LICENSE-MIT"}
OWN_AUTHORS = "Copyright (c) 2026 The order-service authors"

# What comes with a crate and is no Rust: its name, its licence, the file and the expression that tell its version, and the files of
# its licence. Of a zip file, both are looked for inside.
EMBEDDED = {
    "aws-lc-sys": [("aws-lc", "ISC AND (Apache-2.0 OR ISC) AND Apache-2.0 AND MIT AND BSD-3-Clause", "aws-lc/include/openssl/base.h",
                    r'AWSLC_VERSION_NUMBER_STRING "(.+)"', ["aws-lc/LICENSE", "aws-lc/third_party/fiat/LICENSE"])],
    "libmimalloc-sys": [("mimalloc", "MIT", "c_src/mimalloc/v3/include/mimalloc.h", r"MI_MALLOC_VERSION (\d+)", ["c_src/mimalloc/v3/LICENSE"])],
    # In the public domain; the head of this file says so.
    "libsqlite3-sys": [("sqlite", "blessing", "sqlite3/sqlite3.h", r'SQLITE_VERSION +"(.+)"', [])],
    "libz-sys": [("zlib", "Zlib", "src/zlib/zlib.h", r'ZLIB_VERSION "(.+)"', ["src/zlib/LICENSE"])],
    "openssl-src": [("openssl", "Apache-2.0", "Cargo.toml", r'version = ".+\+(.+)"', ["openssl/LICENSE.txt"])],
    "rdkafka-sys": [("librdkafka", "BSD-2-Clause", "Cargo.toml", r'version = ".+\+(.+)"', ["librdkafka/LICENSES.txt"])],
    "utoipa-swagger-ui-vendored": [("swagger-ui", "Apache-2.0", "res/*.zip", r"^swagger-ui-(.+?)/", ["*/LICENSE", "*/NOTICE"])],
    "http-actix": [("graphiql", "MIT", "assets/graphiql/README.md", r"`graphiql` ([\d.]+)", ["assets/graphiql/LICENSE-graphiql"]),
                   ("react", "MIT", "assets/graphiql/README.md", r"`react-dom`\s+([\d.]+\d)", ["assets/graphiql/LICENSE-react"])],
}
# Crates that pass C code on from the crate named, or only declare that they exist once in a program.
LINKS_ONLY = {"aws-lc-rs", "openssl-sys"}
SQLITE = "SQLite is in the public domain. The author disclaims copyright to this source code (https://www.sqlite.org/copyright.html).\n"


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(features):
    """The crates that are linked, as (name, version): those that each needs."""
    tree = cargo("tree", "--locked", "--package", PACKAGE, "--target", TARGET, "--edges", "normal,no-proc-macro", "--no-default-features",
                 "--features", features, "--prefix", "depth", "--format", "|{p}")
    needs, path = {}, []
    for line in tree.splitlines():
        depth, name, version = re.match(r"(\d+)\|(\S+) v(\S+)", line).groups()
        crate = (name, version)
        del path[int(depth):]
        needs.setdefault(crate, set())
        if path:
            needs[path[-1]].add(crate)
        path.append(crate)
    return needs


def licence_texts(package):
    """The texts of a crate's licences: its own files, or the known text of its licence."""
    folder = pathlib.Path(package["manifest_path"]).parent
    own = package["source"] is None
    names = [file for file in sorted((ROOT if own else folder).iterdir()) if file.is_file() and LICENCE_FILE.fullmatch(file.name)]
    if package["license_file"]:
        names.append(folder / package["license_file"])
    if names:
        return [file.read_text("utf-8", "replace") for file in dict.fromkeys(names)]
    choices = re.split(r" OR |/", package["license"] or "")
    texts = [KNOWN[choice.strip()].read_text() for choice in choices if choice.strip() in KNOWN]
    if not texts:
        sys.exit(f"error: {package['name']} {package['version']} ({package['license']}) has no text of its licence")
    authors = ", ".join(author.split(" <")[0] for author in package["authors"]) or f"The authors of {package['name']}"
    return [text.replace(OWN_AUTHORS, f"Copyright (c) {authors}") for text in texts]


def embedded(package):
    """What comes with a crate, as (name, version, licence, texts)."""
    folder = pathlib.Path(package["manifest_path"]).parent
    for name, licence, versioned, expression, names in EMBEDDED[package["name"]]:
        if versioned.endswith(".zip"):
            with zipfile.ZipFile(next(folder.glob(versioned))) as archive:
                entries = archive.namelist()
                version = re.search(expression, entries[0])
                texts = [archive.read(entry).decode() for pattern in names for entry in entries
                         if entry.count("/") == 1 and pathlib.PurePath(entry).match(pattern)]
        else:
            version = re.search(expression, (folder / versioned).read_text("utf-8", "replace"), re.MULTILINE)
            texts = [(folder / file).read_text("utf-8", "replace") for file in names]
        if version is None or len(texts) != len(names):
            sys.exit(f"error: the version or the licence of {name} is not where {package['name']} had it")
        number = version[1]
        if name == "mimalloc":  # 30302 is 3.3.2
            number = f"{int(number) // 10000}.{int(number) // 100 % 100}.{int(number) % 100}"
        yield name, number, licence, texts or [SQLITE]


def rust_library():
    """The standard library of Rust, which is in each program; its licences come with the compiler."""
    sysroot = pathlib.Path(subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip())
    version = subprocess.run(["rustc", "--version"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()[1]
    notice = sysroot / "share/doc/rust/COPYRIGHT-library.html"
    if not notice.exists():
        sys.exit(f"error: the compiler has no licences of its library at {notice}; rustup installs them")
    return version, notice.read_text()


parser = argparse.ArgumentParser(usage=__doc__)
for option in ("--features", "--commit", "--bill", "--licences"):
    parser.add_argument(option, required=True)
arguments = parser.parse_args()

metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET))
packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
needs = linked(arguments.features)
crates = sorted(needs)
root = next(crate for crate in crates if crate[0] == PACKAGE)
for crate in crates:
    if packages[crate]["links"] and crate[0] not in EMBEDDED.keys() | LINKS_ONLY:
        sys.exit(f"error: {crate[0]} links {packages[crate]['links']}, which contents.py does not know")

# C code that the system brings is not inside.
carriers = [crate for crate in crates if crate[0] in EMBEDDED]
carriers += [crate for crate in sorted(packages) if crate[0] == "utoipa-swagger-ui-vendored"]
if "vendored" in arguments.features:
    carriers += [crate for crate in sorted(packages) if crate[0] == "openssl-src"]
else:
    carriers = [crate for crate in carriers if crate[0] != "libz-sys"]


def reference(crate):
    name, version = crate
    path = "" if packages[crate]["source"] else "?download_url=file%3A%2F%2F."
    return f"pkg:cargo/{name}@{urllib.parse.quote(version)}{path}"


def component(crate):
    package = packages[crate]
    found = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1], "purl": reference(crate),
             "licenses": [{"expression": re.sub(r" ?/ ?", " OR ", package["license"])}]}
    if package["description"]:
        found["description"] = " ".join(package["description"].split())
    if checksums.get(crate):
        found["hashes"] = [{"alg": "SHA-256", "content": checksums[crate]}]
    return found


texts, others, contained = {}, [], {}
for crate in crates:
    for text in licence_texts(packages[crate]):
        texts.setdefault(text.replace("\r\n", "\n").strip(), []).append(" ".join(crate))
for carrier in carriers:
    for name, version, licence, found in embedded(packages[carrier]):
        purl = f"pkg:generic/{name}@{version}"
        others.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "licenses": [{"expression": licence}]})
        contained.setdefault(carrier if carrier in needs else root, []).append(purl)
        for text in found:
            texts.setdefault(text.replace("\r\n", "\n").strip(), []).append(f"{name} {version}")
version, notice = rust_library()
others.append({"type": "library", "bom-ref": f"pkg:generic/rust-std@{version}", "name": "rust-std", "version": version,
               "purl": f"pkg:generic/rust-std@{version}", "licenses": [{"expression": "MIT OR Apache-2.0"}]})

made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
bill = {
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{PACKAGE} {root[1]} {arguments.commit} {arguments.features}')}",
    "metadata": {
        "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "component": component(root) | {"type": "application"},
        "properties": [{"name": "commit", "value": arguments.commit}, {"name": "target", "value": TARGET},
                       {"name": "features", "value": arguments.features}],
    },
    "components": [component(crate) for crate in crates if crate != root] + sorted(others, key=lambda other: other["name"]),
    "dependencies": [{"ref": reference(crate), "dependsOn": sorted([*map(reference, needs[crate]), *contained.get(crate, [])])} for crate in crates],
}
pathlib.Path(arguments.bill).write_text(json.dumps(bill, indent=1) + "\n")

rule = "=" * 100
parts = [f"The licences of what is inside {PACKAGE} {root[1]}. Each text stands below the names of what it is for.\n"]
parts += [f"{rule}\n{chr(10).join(sorted(set(names)))}\n{rule}\n\n{text}\n" for text, names in sorted(texts.items(), key=lambda item: min(item[1]))]
parts.append(f"{rule}\nrust-std {version}\n{rule}\n\nThe standard library of Rust. What its makers publish is HTML.\n\n{notice}\n")
pathlib.Path(arguments.licences).write_text("\n".join(parts))
