import FleetModel

/// Finds the file that the Go agent reads in a container, as it looks for it itself (ProxySQL Agent 1.2.3, `Configure`:
/// viper's `config` in `/etc/proxysql-agent`, then in the working directory).
enum AgentFile {
    /// What a container has there.
    enum Found {
        /// A ConfigMap's text.
        case text(String, Given.Place)
        /// Something that is not among the files, for example a Secret.
        case elsewhere(String)
    }

    /// The working directory of the Go agent's image.
    private static let home = "/app"
    /// The names that viper takes for a file in YAML, in its order.
    private static let names = ["config.json", "config.yaml", "config.yml", "config"]

    /// What `/app/config.yaml` of the image 1.2.3 sets.
    static let ofImage = [
        ("proxysql.username", "radmin"), ("proxysql.password", "radmin"), ("shutdown.drain_timeout", "60"),
        ("shutdown.shutdown_timeout", "75"),
    ]

    /// Whether `image` is the Go agent's own.
    static func isOriginal(_ image: Given) -> Bool {
        let repository = image.value?.reveal().split(separator: "@").first?.split(separator: "/").last ?? ""
        return repository.split(separator: ":").first == "proxysql-agent"
    }

    /// The file; nil where nothing is mounted in its places.
    static func found(by container: GivenContainer, in workload: Workload, _ files: GivenFiles) -> Found? {
        if let named = container.environment.last(where: { $0.name == "AGENT_CONFIG_FILE" }) {
            guard let path = named.value?.reveal() else { return .elsewhere(named.reference ?? named.name) }
            if !path.isEmpty {
                let absolute = path.hasPrefix("/") ? path : "\(container.workingDirectory ?? home)/\(path)"
                return file(absolute, container, workload, files) ?? .elsewhere("the file \(absolute)")
            }
        }
        for folder in ["/etc/proxysql-agent", container.workingDirectory ?? home] {
            for name in names {
                if let found = file("\(folder)/\(name)", container, workload, files) { return found }
            }
        }
        return nil
    }

    private static func file(
        _ path: String, _ container: GivenContainer, _ workload: Workload, _ files: GivenFiles
    ) -> Found? {
        for mount in container.mounts {
            let folder = mount.path.hasSuffix("/") ? String(mount.path.dropLast()) : mount.path
            let wanted: String
            if let subPath = mount.subPath {
                guard folder == path else { continue }
                wanted = subPath
            } else {
                guard path.hasPrefix(folder + "/") else { continue }
                wanted = String(path.dropFirst(folder.count + 1))
            }
            for volume in workload.volumes[mount.volume] ?? [] {
                switch volume.source {
                case .secret(let name):
                    let isThere = volume.paths.isEmpty ? names.contains(wanted) : volume.paths.values.contains(wanted)
                    if isThere { return .elsewhere("\(path), from the Secret \(name),") }
                case .map(let name):
                    guard let texts = files.maps[name] else {
                        return .elsewhere("\(path), from the ConfigMap \(name), which is not among the files,")
                    }
                    let key = volume.paths.isEmpty ? wanted : volume.paths.first { $0.value == wanted }?.key
                    if let value = key.flatMap({ texts[$0] }) { return .text(value.text, value.place) }
                }
            }
        }
        return nil
    }
}
