#!/usr/bin/env python3
"""Two looks at rendered manifests (standard input, YAML), for check_manifests.sh.

restricted   fails on a pod that Pod Security's profile "restricted" would refuse, and on one with service links
older        prints them as a JSON List for an API server of version 1.20: what it serves under an earlier name is
             renamed, and native sidecars, which it does not know, become ordinary containers without a startup order
"""
import json
import sys

import yaml

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
OLDER = {"policy/v1": "policy/v1beta1", "autoscaling/v2": "autoscaling/v2beta2"}


def pod_of(document):
    return document.get("spec", {}).get("template", {}).get("spec")


def troubles(document):
    pod = pod_of(document)
    if not pod:
        return
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    if pod.get("enableServiceLinks") is not False:
        yield "service links would become settings"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    for volume in pod.get("volumes", []):
        if not VOLUMES & volume.keys():
            yield f"volume {volume['name']}"
    for container in pod.get("initContainers", []) + pod["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{container['name']}: may gain privileges"
        if own.get("capabilities", {}) != {"drop": ["ALL"]}:
            yield f"{container['name']}: keeps capabilities"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{container['name']}: its root file system can be written"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{container['name']}: hostPort"


def older(document):
    document["apiVersion"] = OLDER.get(document["apiVersion"], document["apiVersion"])
    pod = pod_of(document)
    sidecars = [c for c in (pod or {}).get("initContainers", []) if c.get("restartPolicy") == "Always"]
    for sidecar in sidecars:
        del sidecar["restartPolicy"]
        pod["containers"].append(sidecar)
    if sidecars:
        pod["initContainers"] = [c for c in pod["initContainers"] if c not in sidecars]
    return document


documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
if sys.argv[1:] == ["restricted"]:
    found = [f"{d['kind']} {d['metadata']['name']}: {t}" for d in documents for t in troubles(d)]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    sys.exit(1 if found else 0)
if sys.argv[1:] == ["older"]:
    json.dump({"apiVersion": "v1", "kind": "List", "items": [older(d) for d in documents]}, sys.stdout)
    sys.exit(0)
sys.exit(__doc__)
