import FleetModel
import Foundations
import Yams

/// Reads files of any of the known forms, with line numbers.
struct ManifestReader {
    private(set) var files = GivenFiles()
    private let source: MigrationSource

    /// Adds what `source` holds to `files`.
    /// - Throws: `MigrationError` with the line; never with the text of the line, which may hold a password.
    static func read(_ sources: [MigrationSource]) throws(MigrationError) -> GivenFiles {
        var files = GivenFiles()
        var parsed: [(source: MigrationSource, documents: [Node])] = []
        for source in sources {
            if source.name.hasSuffix(".tf") || source.name.hasSuffix(".hcl") {
                throw MigrationError(
                    description: "\(source.name): Terraform is not read; give the manifests that come of it, or the "
                        + "variables as a file of lines NAME=value")
            }
            if let variables = try DotEnv.variables(source) {
                files.environments.append((source.name, variables))
            } else {
                parsed.append((source, try ManifestReader(files, source).documents()))
            }
        }
        // A ConfigMap counts wherever it stands, also after the workload that names it, or in a later file.
        for wantsMaps in [true, false] {
            for (source, documents) in parsed {
                var reader = ManifestReader(files, source)
                for document in documents { reader.take(document, wantsMaps) }
                files = reader.files
            }
        }
        return files
    }

    private init(_ files: GivenFiles, _ source: MigrationSource) {
        self.files = files
        self.source = source
    }

    private func documents() throws(MigrationError) -> [Node] {
        do {
            // The sequence ends at an error and keeps it, instead of throwing.
            var sequence = try Yams.compose_all(yaml: source.text)
            var documents: [Node] = []
            while let document = sequence.next() { documents.append(document) }
            if let error = sequence.error { throw error }
            return documents
        } catch let error as YamlError {
            throw MigrationError(
                description:
                    "\(source.name) cannot be read as YAML\(YAMLProblem.line(of: error).map { ", line \($0)" } ?? "")"
            )
        } catch {
            throw MigrationError(description: "\(source.name) cannot be read as YAML")
        }
    }

    private mutating func take(_ document: Node, _ wantsMaps: Bool) {
        guard document.mapping != nil else { return }
        guard let kind = document["kind"]?.string, document["apiVersion"] != nil else {
            if !wantsMaps { files.settings.append((source.name, source.text)) }
            return
        }
        let name = document["metadata"]?["name"]?.string ?? "?"
        switch kind {
        case "List":
            for item in document["items"]?.array() ?? [] { take(item, wantsMaps) }
        case "ConfigMap":
            if wantsMaps { files.maps[name] = texts(document["data"]) }
        case _ where wantsMaps:
            break
        case "Role", "ClusterRole":
            files.roles.append(role(document, kind, name))
        case "RoleBinding", "ClusterRoleBinding":
            let role = document["roleRef"]?["name"]?.string ?? ""
            for subject in document["subjects"]?.array() ?? [] where subject["kind"]?.string == "ServiceAccount" {
                files.bindings.append((role, subject["name"]?.string ?? ""))
            }
        default:
            if let pod = Self.pod(document, kind) { files.workloads.append(workload(pod, kind, name, document)) }
        }
    }

    /// The pod's specification, wherever the kind has it; a Service of Cloud Run has one too.
    private static func pod(_ document: Node, _ kind: String) -> Node? {
        switch kind {
        case "Pod": document["spec"]
        case "CronJob": document["spec"]?["jobTemplate"]?["spec"]?["template"]?["spec"]
        default:
            document["spec"]?["template"]?["spec"].flatMap { $0["containers"] == nil ? $0["template"]?["spec"] : $0 }
        }
    }

    private func place(_ node: Node?) -> Given.Place {
        Given.Place(file: source.name, line: node?.mark?.line ?? 0)
    }

    private func texts(_ data: Node?) -> [String: (text: String, place: Given.Place)] {
        var texts: [String: (text: String, place: Given.Place)] = [:]
        for (key, value) in data?.mapping ?? [:] {
            guard let name = key.string, let scalar = value.scalar else { continue }
            var place = place(value)
            // The text of a block begins on the line after its mark.
            if scalar.style == .literal || scalar.style == .folded { place.line += 1 }
            texts[name] = (scalar.string, place)
        }
        return texts
    }

    private func role(_ document: Node, _ kind: String, _ name: String) -> GivenRole {
        let rules = (document["rules"]?.array() ?? []).map { rule in
            GivenRole.Rule(
                groups: Self.strings(rule["apiGroups"]), resources: Self.strings(rule["resources"]),
                verbs: Self.strings(rule["verbs"]))
        }
        return GivenRole(kind: kind, name: name, rules: rules, place: place(document["rules"] ?? document))
    }

    private static func strings(_ node: Node?) -> [String] { (node?.array() ?? []).compactMap(\.string) }

    private func workload(_ pod: Node, _ kind: String, _ name: String, _ document: Node) -> Workload {
        var workload = Workload(kind: kind, name: name, place: place(document["metadata"] ?? document))
        workload.serviceAccount = pod["serviceAccountName"]?.string
        workload.hasFileGroup = pod["securityContext"]?["fsGroup"] != nil
        workload.gracePeriod = pod["terminationGracePeriodSeconds"].map { node in
            Given(
                name: "terminationGracePeriodSeconds", value: (node.scalar?.string).map { Secret($0) },
                place: place(node))
        }
        for volume in pod["volumes"]?.array() ?? [] {
            let parts = (volume["projected"]?["sources"]?.array() ?? []) + [volume]
            workload.volumes[volume["name"]?.string ?? "", default: []] += parts.compactMap(Self.volume)
        }
        let containers = (pod["initContainers"]?.array() ?? []) + (pod["containers"]?.array() ?? [])
        workload.containers = containers.map(container)
        return workload
    }

    private static func volume(_ node: Node) -> GivenVolume? {
        let source: GivenVolume.Source
        let body: Node
        if let map = node["configMap"], let name = map["name"]?.string {
            (source, body) = (.map(name), map)
        } else if let secret = node["secret"] {
            (source, body) = (.secret((secret["secretName"] ?? secret["name"])?.string ?? "?"), secret)
        } else {
            return nil
        }
        var volume = GivenVolume(source: source)
        for item in body["items"]?.array() ?? [] {
            if let key = item["key"]?.string, let path = item["path"]?.string { volume.paths[key] = path }
        }
        return volume
    }

    private func container(_ node: Node) -> GivenContainer {
        var container = GivenContainer(name: node["name"]?.string ?? "", place: place(node))
        container.image = node["image"].map { node in
            Given(name: "image", value: (node.scalar?.string).map { Secret($0) }, place: place(node))
        }
        container.command = words(node["command"])
        container.arguments = words(node["args"])
        container.workingDirectory = node["workingDir"]?.string
        container.environment = (node["envFrom"]?.array() ?? []).flatMap(environment)
        for variable in node["env"]?.array() ?? [] { container.environment.append(self.variable(variable)) }
        Expansion.expand(&container.environment)
        for mount in node["volumeMounts"]?.array() ?? [] {
            guard let volume = mount["name"]?.string, let path = mount["mountPath"]?.string else { continue }
            container.mounts.append(GivenMount(volume: volume, path: path, subPath: mount["subPath"]?.string))
        }
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
            if let probe = node[name] { container.probes.append(handler(probe, name)) }
        }
        container.preStop = node["lifecycle"]?["preStop"].map { handler($0, "preStop") }
        return container
    }

    private func words(_ node: Node?) -> [GivenWord]? {
        node?.array().map { GivenWord(text: Secret($0.scalar?.string ?? ""), place: place($0)) }
    }

    private func handler(_ node: Node, _ name: String) -> Given {
        if let get = node["httpGet"] {
            return Given(
                name: name, value: Secret(get["path"]?.string ?? "/"), reference: get["port"]?.scalar?.string,
                place: place(get["path"] ?? get))
        }
        let kind = ["exec", "tcpSocket", "grpc", "sleep"].first { node[$0] != nil } ?? "?"
        return Given(name: name, value: Secret(kind), place: place(node))
    }

    private func environment(from node: Node) -> [Given] {
        if let map = node["configMapRef"]?["name"]?.string {
            guard let texts = files.maps[map] else {
                return [Given(name: "envFrom", reference: "ConfigMap \(map)", place: place(node))]
            }
            return texts.sorted { $0.key < $1.key }.map {
                Given(name: $0.key, value: Secret($0.value.text), place: $0.value.place)
            }
        }
        let secret = node["secretRef"]?["name"]?.string ?? "?"
        return [Given(name: "envFrom", reference: "Secret \(secret)", place: place(node))]
    }

    private func variable(_ node: Node) -> Given {
        var given = Given(
            name: node["name"]?.string ?? "", value: (node["value"]?.scalar?.string).map { Secret($0) },
            place: place(node["value"] ?? node["name"] ?? node))
        guard let from = node["valueFrom"] else {
            given.value = given.value ?? Secret("")
            return given
        }
        if let map = from["configMapKeyRef"], let name = map["name"]?.string, let key = map["key"]?.string {
            given.value = (files.maps[name]?[key]?.text).map { Secret($0) }
            given.reference = "ConfigMap \(name), key \(key)"
        } else if let secret = from["secretKeyRef"] {
            given.reference = "Secret \(secret["name"]?.string ?? "?"), key \(secret["key"]?.string ?? "?")"
        } else {
            given.reference = from["fieldRef"]?["fieldPath"]?.string ?? "another field"
        }
        return given
    }
}

/// Files of lines `NAME=value`.
enum DotEnv {
    /// The variables; nil when the text is of another form.
    /// - Throws: `MigrationError` when it begins as such a file and does not go on as one.
    static func variables(_ source: MigrationSource) throws(MigrationError) -> [Given]? {
        var variables: [Given] = []
        for (index, raw) in OutsideText.lines(source.text).enumerated() {
            var line = raw.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7) }
            guard let equals = line.firstIndex(of: "="), equals > line.startIndex,
                line[..<equals].allSatisfy({ $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) })
            else {
                guard !variables.isEmpty else { return nil }
                throw MigrationError(
                    description: "\(source.name), line \(index + 1), is neither NAME=value nor a comment")
            }
            var value = line[line.index(after: equals)...]
            for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
                value = value.dropFirst().dropLast()
            }
            variables.append(
                Given(
                    name: String(line[..<equals]), value: Secret(String(value)),
                    place: Given.Place(file: source.name, line: index + 1)))
        }
        return variables.isEmpty ? nil : variables
    }
}
