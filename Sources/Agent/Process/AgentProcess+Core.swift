import KubernetesClient
import Logging
import Pacing
import ProxySQLAdmin
import ServiceLifecycle

/// What a core does besides answering probes.
extension AgentProcess {
    func coreDuties() -> RoleDuties {
        let change = Wakeup()
        let effects = CoreEffects(port, time: (around.clock, around.wallClock), logger: around.logger)
        let cores = coreDirectory(change)
        let office = CoreOffice(identity: identity, directory: cores.directory)
        let interval = settings.seconds("agent.core.interval-seconds")
        let membership = MembershipKeeper(
            effects: effects, core: (cores.directory, office), role: role, events: events,
            pace: .init(change: change, interval: interval, clock: around.clock), logger: around.logger)
        let peers = HTTPPeerReader(clock: around.clock)
        let stated = settings.optionalText("agent.core.generation").flatMap { Int64($0) }
        let configuration = ConfigurationKeeper(
            parts: .init(
                effects: effects, identity: identity, directory: cores.directory, office: office, peers: peers,
                mounted: MountedConfiguration(
                    path: settings.text("agent.core.configuration-file"), stated: stated, usesAge: !cores.arePods),
                claims: { [path = settings.text("agent.shutdown.draining-file")] in
                    ClaimFile(besides: path, node: $0)
                },
                restores: settings.flag("agent.core.restore"), isFollowing: isFollowing),
            role: role, events: events, time: (around.clock, around.wallClock),
            interval: interval > .zero ? interval : .seconds(10), logger: around.logger)
        let followed = Wakeup()
        let follow = followers(client: cores.client, change: followed) { [role] in
            office.isActing && role.report.boot == CoreConfiguration.Phase.settled.rawValue
        }
        return RoleDuties(
            services: (cores.areKnown ? [Part("membership", membership).onAdminLoop()] : [])
                + [Part("configuration", configuration)] + cores.services(office) + follow,
            resync: { [areKnown = cores.areKnown] in
                await Self.result { () async throws(AdminError) in
                    guard areKnown else { return "this core is alone: there is nobody to learn from" }
                    let plan = try await membership.step()
                    return plan.isEmpty ? "the table of cores is as it should be" : "the table of cores was corrected"
                }
            },
            reload: Self.reload(follow.isEmpty ? nil : followed),
            close: { [client = cores.client] in
                await peers.close()
                await client?.shutdown()
            })
    }

    /// The cores, and what keeps them known.
    private func coreDirectory(_ change: Wakeup) -> Cores {
        let apiPort = settings.integer("agent.api.port")
        let peers = settings.peers("agent.peers")
        guard peers.isEmpty, wantsKubernetes else {
            guard !peers.isEmpty else {
                let own = AgentPeer(name: identity.name, admin: settings.address("agent.proxysql.address"))
                return Cores(
                    directory: FixedCores([own], apiPort: apiPort), arePods: false, areKnown: false,
                    services: { _ in [] })
            }
            return Cores(directory: FixedCores(peers, apiPort: apiPort), arePods: false, services: { _ in [] })
        }
        guard let client = kubernetes() else {
            // Others may be there: a core that took itself for the only one would load its file over theirs.
            return Cores(directory: FixedCores.unknown, arePods: true, services: { _ in [] })
        }
        let namespace = settings.text("agent.core.pod-selector.namespace")
        let cores = KubernetesCores(
            client,
            place: .init(
                namespace: namespace, app: settings.text("agent.core.pod-selector.app"),
                component: settings.text("agent.core.pod-selector.component"),
                adminPort: settings.address("agent.proxysql.address").port, apiPort: apiPort),
            change: change, logger: around.logger)
        let services: (CoreOffice) -> [Part] = { [self] office in
            let lease = LeaseKeeper(
                client: client, lease: settings.text("agent.lease"), namespace: namespace,
                office: office, events: events, change: change,
                clock: around.clock, logger: around.logger)
            return [Part("cores", cores), Part("lease", lease).onAdminLoop()]
        }
        return Cores(directory: cores, arePods: true, services: services, client: client)
    }

    private var wantsKubernetes: Bool {
        let environment = around.environment
        return settings.word("agent.kubernetes") != "off"
            && (environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false || environment["KUBECONFIG"]?.isEmpty == false)
    }

    /// The cluster that the pod or KUBECONFIG names; a file in somebody's home is not meant for agents.
    func kubernetes() -> KubernetesClient? {
        guard wantsKubernetes else { return nil }
        let environment = around.environment
        do throws(KubernetesError) {
            return try KubernetesClient(
                try .standard(environment: environment), wallClock: around.wallClock, clock: around.clock)
        } catch {
            around.logger.error(
                "the Kubernetes API cannot be used: mend it and restart the agent, or set agent.kubernetes to off",
                metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Whether the rows of groups come from a followed configuration.
    var isFollowing: Bool {
        settings.optionalText("agent.follow.secret") != nil || settings.optionalText("agent.follow.file") != nil
    }
}

/// The cores, and what keeps them known.
struct Cores {
    var directory: any CoreDirectory
    /// Whether they are pods, whose files are made anew with each of them.
    var arePods: Bool
    /// Whether anything tells which cores there are; else this node is taken to be the only one.
    var areKnown = true
    var services: (CoreOffice) -> [Part]
    var client: KubernetesClient?
}
