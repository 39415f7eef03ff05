#!/usr/bin/env python3
"""Writes what a build is made of, as an SPDX 2.3 document: sbom.py BINARY VERSION MOMENT [SCRATCH] >drover.spdx.json

BINARY is hashed; MOMENT is the commit's, in seconds, so that two documents of one build are the same. The packages are
those of Package.resolved with their revisions and the licences of their checkouts; of the system, the packages that the
archives in SCRATCH/static-libraries come from (Debian and Ubuntu); and Swift's runtime, which is linked in too.
"""
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys

binary, version, moment = sys.argv[1:4]
scratch = sys.argv[4] if len(sys.argv) > 4 else ".build-release"


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def licence(identity):
    """The licence of a checkout, where its text is one of those that the packages have."""
    folder = os.path.join(scratch, "checkouts")
    folders = [name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name.lower() == identity]
    for name in [os.path.join(folder, each) for each in folders]:
        for file in sorted(each for each in os.listdir(name) if each.upper().startswith("LICENSE")):
            with open(os.path.join(name, file), encoding="utf-8", errors="replace") as handle:
                text = handle.read()
            if "Apache License" in text:
                return "Apache-2.0 WITH Swift-exception" if "Runtime Library Exception" in text else "Apache-2.0"
            if "Permission is hereby granted, free of charge" in text:
                return "MIT"
    return "NOASSERTION"


def package(name, number, location="NOASSERTION", declared="NOASSERTION", locator=None):
    found = {
        "name": name, "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), "versionInfo": number,
        "downloadLocation": location, "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": declared, "copyrightText": "NOASSERTION"}
    if locator:
        found["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}]
    return found


def swift_packages():
    with open("Package.resolved", encoding="utf-8") as file:
        pins = json.load(file)["pins"]
    for pin in sorted(pins, key=lambda pin: pin["identity"]):
        state, place = pin["state"], pin["location"].removesuffix(".git")
        number = state.get("version") or state["revision"]
        yield package(
            pin["identity"], number, f"git+{place}.git@{state['revision']}", licence(pin["identity"]),
            f"pkg:swift/{place.removeprefix('https://')}@{number}")


def system_packages():
    folder = os.path.join(scratch, "static-libraries")
    archives = [os.path.realpath(os.path.join(folder, name)) for name in os.listdir(folder)] \
        if os.path.isdir(folder) else []
    names = {line.split(":")[0] for file in archives for line in said("dpkg-query", "-S", file).splitlines()}
    for name in sorted(names):
        number = said("dpkg-query", "-W", "-f", "${Version}", name)
        system = re.search(r"^ID=\"?(\w+)", open("/etc/os-release", encoding="utf-8").read(), re.M)
        yield package(name, number, locator=f"pkg:deb/{system[1] if system else 'debian'}/{name}@{number}")


with open(binary, "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
about = said(binary, "--version")
runtime = re.search(r"Swift ([0-9.]+)", about)
drover = package("drover", version, declared="Apache-2.0", locator=f"pkg:generic/drover@{version}")
drover["checksums"] = [{"algorithm": "SHA256", "checksumValue": digest}]
drover["primaryPackagePurpose"] = "APPLICATION"
parts = [*swift_packages(), *system_packages()]
parts.append(package(
    "swift-runtime", runtime[1] if runtime else "unknown", "https://www.swift.org/install/",
    "Apache-2.0 WITH Swift-exception"))
document = {
    "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"drover-{version}",
    "documentNamespace": f"urn:drover:sbom:{digest}",
    "creationInfo": {
        "created": datetime.datetime.fromtimestamp(int(moment), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "creators": ["Tool: drover-sbom"]},
    "packages": [drover, *parts],
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": drover["SPDXID"]},
        *({"spdxElementId": drover["SPDXID"], "relationshipType": "STATIC_LINK", "relatedSpdxElement": part["SPDXID"]}
          for part in parts)]}
json.dump(document, sys.stdout, indent=2)
print()
