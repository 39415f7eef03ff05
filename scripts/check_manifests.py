#!/usr/bin/env python3
"""Looks at deploy/kubernetes for check_manifests.sh.

tree FOLDER  every base and component is part of some overlay; prints the overlays, one a line
rendered     one overlay's objects (standard input, YAML): pods that Pod Security's profile "restricted" takes and that
             start, drain and end as they must, no secret spelled out, and nothing that refers to what is not there
older        prints them as a JSON List for an API server of version 1.20: what it serves under an earlier name is
             renamed, and native sidecars, which it does not know, become ordinary containers without a startup order
"""
import json
import os
import re
import sys

import yaml

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
OLDER = {"policy/v1": "policy/v1beta1", "autoscaling/v2": "autoscaling/v2beta2"}
# Made by whoever installs: docs/guides/kubernetes.md.
SECRETS = {"proxysql-config", "proxysql-admin", "proxysql-tls", "drover-api-tokens", "fleet-main"}
# agent.shutdown.timeout-seconds: drain, propagation and SHUTDOWN all end within.
DRAIN_SECONDS = 60


def pod_of(document):
    return document.get("spec", {}).get("template", {}).get("spec")


def containers_of(pod):
    return pod.get("initContainers", []) + pod["containers"]


# What Pod Security's "restricted" asks: https://kubernetes.io/docs/concepts/security/pod-security-standards/
def insecure(document):
    pod = pod_of(document)
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    if security.get("sysctls") or security.get("supplementalGroups") == [0]:
        yield "sysctls or the group root"
    for volume in pod.get("volumes", []):
        if not VOLUMES & volume.keys():
            yield f"volume {volume['name']}"
    for container in containers_of(pod):
        own, name = container.get("securityContext", {}), container["name"]
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{name}: may gain privileges"
        if own.get("capabilities", {}) != {"drop": ["ALL"]}:
            yield f"{name}: keeps capabilities"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: its root file system can be written"
        if own.get("runAsUser") == 0 or own.get("runAsNonRoot") is False or "seccompProfile" in own:
            yield f"{name}: undoes what its pod says"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{name}: hostPort"


def ports_of(pod):
    return {port["name"] for container in containers_of(pod) for port in container.get("ports", [])}


def fragile(document):
    pod = pod_of(document)
    containers = {container["name"]: container for container in containers_of(pod)}
    if pod.get("enableServiceLinks") is not False:
        yield "service links would become settings"
    if pod.get("automountServiceAccountToken") is None:
        yield "does not say whether it gets a token"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for name, container in containers.items():
        probes = [container[kind] for kind in ("startupProbe", "readinessProbe", "livenessProbe") if kind in container]
        if len(probes) < 2:
            yield f"{name}: fewer than two probes"
        for probe in probes:
            port = probe.get("httpGet", probe.get("tcpSocket", {})).get("port")
            if isinstance(port, str) and port not in ports_of(pod):
                yield f"{name}: a probe asks the port {port}, which no container has"
            if "exec" in probe and probe["exec"]["command"][:2] != ["drover", "probe"]:
                yield f"{name}: a probe runs something else than drover probe"
        resources = container.get("resources", {})
        if not resources.get("requests", {}).keys() >= {"cpu", "memory"} or "memory" not in resources.get("limits", {}):
            yield f"{name}: no requests, or no limit of memory"
        if not re.search(r"[:@](?!latest$)[^/]+$", container["image"]):
            yield f"{name}: its image {container['image']} is none in particular"
        for variable in container.get("env", []):
            if re.search("PASSWORD|TOKEN|SECRET_KEY", variable["name"]) and "valueFrom" not in variable:
                yield f"{name}: {variable['name']} is spelled out"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{name}: no volume {mount['name']}"
            if "subPath" in mount:
                yield f"{name}: {mount['name']} is mounted by subPath and does not follow changes"
    agent, proxysql = containers.get("agent"), containers.get("proxysql")
    if bool(agent) != bool(proxysql):
        yield "ProxySQL and its agent are not together"
    if not agent:
        return
    if pod.get("terminationGracePeriodSeconds", 30) <= DRAIN_SECONDS:
        yield f"is killed before {DRAIN_SECONDS} s, which a drain may take"
    for kind in ("startupProbe", "livenessProbe"):
        if proxysql.get(kind, {}).get("tcpSocket", {}).get("port") != 6032:
            yield f"proxysql: its {kind} is not on its own admin port, which alone outlives the agent and a drain"
    if agent.get("livenessProbe", {}).get("httpGet", {}).get("path") != "/healthz/agent":
        yield "agent: its liveness is not its own"
    drains = [proxysql]
    if agent in pod["containers"]:
        # Both are told to end at once: each has to wait for the drain.
        drains.append(agent)
    elif agent.get("restartPolicy") != "Always":
        yield "agent: an init container that is no sidecar"
    elif "startupProbe" in agent:
        yield "agent: ProxySQL would wait for its startup probe, and it for ProxySQL"
    for container in drains:
        if container.get("lifecycle", {}).get("preStop", {}).get("httpGet", {}).get("path") != "/shutdown":
            yield f"{container['name']}: ends without a drain"
    if {mount["name"] for mount in agent["volumeMounts"]} - {mount["name"] for mount in proxysql["volumeMounts"]}:
        yield "ProxySQL lacks one of its agent's volumes"


def fits(selector, labels):
    if not all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(expression["operator"] == "Exists" and expression["key"] in labels
               for expression in selector.get("matchExpressions", []))


def dangling(documents):
    """References, each to something in the same overlay."""
    names = {(d["kind"], d["metadata"]["name"]) for d in documents}
    pods = [(d, d["spec"]["template"]) for d in documents if pod_of(d)]
    for document in documents:
        kind, spec, name = document["kind"], document.get("spec", {}), document["metadata"]["name"]
        text = f"{kind} {name}"
        selector = None
        if kind == "Service":
            selector = {"matchLabels": spec["selector"]}
            ports = {port["targetPort"] for port in spec["ports"]}
            for _, template in pods:
                known = ports_of(template["spec"]) | {
                    port["containerPort"] for c in containers_of(template["spec"]) for port in c.get("ports", [])}
                if fits(selector, template["metadata"]["labels"]) and not ports <= known:
                    yield f"{text}: {ports - known} is no port of what it selects"
        elif kind == "PodDisruptionBudget":
            selector = spec["selector"]
        elif kind == "NetworkPolicy":
            selector = spec["podSelector"]
        elif kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in names:
                yield f"{text}: scales {target['name']}, which is not there"
            for found in documents:
                if (found["kind"], found["metadata"]["name"]) == (target["kind"], target["name"]):
                    if "replicas" in found["spec"]:
                        yield f"{text}: {target['name']} states replicas itself"
        elif kind == "RoleBinding":
            for subject in document["subjects"]:
                if (subject["kind"], subject["name"]) not in names:
                    yield f"{text}: whoever may create {subject['name']} gets its rights"
            if ("Role", document["roleRef"]["name"]) not in names:
                yield f"{text}: no Role {document['roleRef']['name']}"
        elif kind == "Role":
            for rule in document["rules"]:
                if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]:
                    yield f"{text}: a rule with *"
        elif kind in ("ClusterRole", "ClusterRoleBinding"):
            yield f"{text}: rights over the whole cluster"
        elif kind == "ServiceMonitor":
            found = [d for d in documents if d["kind"] == "Service" and fits(spec["selector"], d["metadata"]["labels"])]
            for endpoint in spec["endpoints"]:
                if not any(port["name"] == endpoint["port"] for d in found for port in d["spec"]["ports"]):
                    yield f"{text}: no Service has the port {endpoint['port']}"
        elif kind == "Secret":
            yield f"{text}: a secret spelled out"
        if selector is not None and not any(fits(selector, t["metadata"]["labels"]) for _, t in pods):
            yield f"{text}: selects no pod"
    policies = [d["spec"] for d in documents if d["kind"] == "NetworkPolicy" and "Ingress" in d["spec"]["policyTypes"]]
    for document, template in pods:
        text, pod = f"{document['kind']} {document['metadata']['name']}", template["spec"]
        if not fits(document["spec"]["selector"], template["metadata"]["labels"]):
            yield f"{text}: does not select its own pods"
        if not any(fits(policy["podSelector"], template["metadata"]["labels"]) for policy in policies):
            yield f"{text}: no NetworkPolicy says who reaches it"
        if ("ServiceAccount", pod.get("serviceAccountName")) not in names:
            yield f"{text}: no ServiceAccount {pod.get('serviceAccountName')}"
        for volume in pod.get("volumes", []):
            if "configMap" in volume and ("ConfigMap", volume["configMap"]["name"]) not in names:
                yield f"{text}: no ConfigMap {volume['configMap']['name']}"
            if "secret" in volume and volume["secret"]["secretName"] not in SECRETS:
                yield f"{text}: the guide does not name the Secret {volume['secret']['secretName']}"
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and ("PersistentVolumeClaim", claim) not in names:
                yield f"{text}: no PersistentVolumeClaim {claim}"


def tree(folder):
    def parts(path):
        with open(os.path.join(path, "kustomization.yaml")) as file:
            document = yaml.safe_load(file)
        for entry in document.get("resources", []) + document.get("components", []):
            found = os.path.normpath(os.path.join(path, entry))
            if os.path.isdir(found):
                yield found
                yield from parts(found)
            elif not os.path.exists(found):
                sys.exit(f"{path}: no {entry}")

    def folders(kind):
        return {os.path.normpath(os.path.join(folder, kind, name)) for name in os.listdir(os.path.join(folder, kind))}

    overlays = sorted(folders("overlays"))
    used = {part for overlay in overlays for part in parts(overlay)}
    unused = (folders("base") | folders("components")) - used
    if unused:
        sys.exit(f"no overlay renders {', '.join(sorted(unused))}")
    print("\n".join(overlays))


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


if sys.argv[1:2] == ["tree"]:
    tree(sys.argv[2])
    sys.exit(0)
if sys.argv[1:] not in (["rendered"], ["older"]):
    sys.exit(__doc__)
documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
if sys.argv[1] == "rendered":
    found = [f"{d['kind']} {d['metadata']['name']}: {t}"
             for d in documents if pod_of(d) for t in [*insecure(d), *fragile(d)]]
    found += dangling(documents)
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    sys.exit(1 if found else 0)
json.dump({"apiVersion": "v1", "kind": "List", "items": [older(d) for d in documents]}, sys.stdout)
