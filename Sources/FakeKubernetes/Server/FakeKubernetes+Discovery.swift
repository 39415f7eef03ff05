import JSONValues
import KubernetesClient

extension FakeKubernetes {
    /// What is answered to everybody.
    func publicAnswer(_ path: String) -> Answer? {
        switch path {
        case "/readyz", "/livez", "/healthz": return Answer(text: "ok")
        case "/version", "/version/":
            let version: JSONValue = [
                "major": "1", "minor": "20", "gitVersion": "v1.20.2", "compiler": "drover-sandbox",
                "platform": "linux/amd64",
            ]
            return Answer(text: version.text)
        default: return nil
        }
    }

    private static let shortNames = [
        "pods": ["po"], "configmaps": ["cm"], "services": ["svc"], "namespaces": ["ns"], "nodes": ["no"],
        "serviceaccounts": ["sa"], "endpoints": ["ep"], "events": ["ev"], "deployments": ["deploy"],
        "replicasets": ["rs"], "statefulsets": ["sts"],
    ]

    /// What there is, so that kubectl finds its way.
    func discovery(_ path: String) -> Answer? {
        let groups = Dictionary(grouping: ResourceType.all) { $0.apiVersion }
        if path == "/api" || path == "/api/" {
            let versions: JSONValue = ["kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []]
            return Answer(text: versions.text)
        }
        if path == "/apis" || path == "/apis/" {
            let list = groups.keys.filter { $0.contains("/") }.sorted().map { name -> JSONValue in
                let parts = name.split(separator: "/").map { String($0) }
                let version: JSONValue = ["groupVersion": .string(name), "version": .string(parts[1])]
                return ["name": .string(parts[0]), "versions": [version], "preferredVersion": version]
            }
            let document: JSONValue = ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(list)]
            return Answer(text: document.text)
        }
        let name = path.split(separator: "/").dropFirst().joined(separator: "/")
        guard let types = groups[name], path.hasPrefix(name.contains("/") ? "/apis/" : "/api/") else { return nil }
        let resources = types.flatMap { type -> [JSONValue] in
            let resource: JSONValue = [
                "name": .string(type.plural), "singularName": .string(type.kind.lowercased()),
                "shortNames": .array((Self.shortNames[type.plural] ?? []).map { .string($0) }),
                "namespaced": .bool(type.isNamespaced),
                "kind": .string(type.kind),
                "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            ]
            guard type.hasStatus else { return [resource] }
            return [
                resource,
                resource.merging([
                    "name": .string("\(type.plural)/status"), "shortNames": [], "verbs": ["get", "patch", "update"],
                ]),
            ]
        }
        let document: JSONValue = [
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(name),
            "resources": .array(resources),
        ]
        return Answer(text: document.text)
    }
}
