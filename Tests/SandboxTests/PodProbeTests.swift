import JSONValues
import Pacing
import Synchronization
import Testing

@testable import Sandbox

@Suite("Probes as a kubelet asks them", .timeLimit(.minutes(1)))
struct PodProbeTests {
    @Test("A probe has Kubernetes' defaults where the container says nothing")
    func defaults() throws {
        let probe = try #require(PodProbe(["httpGet": ["path": "/healthz/live", "port": 8_080]]))
        #expect(probe.action == .http(path: "/healthz/live", port: 8_080))
        #expect(probe.period == .seconds(10) && probe.timeout == .seconds(1) && probe.failures == 3)
        #expect(PodProbe(["exec": ["command": ["true"]]]) == nil)
    }

    @Test("Containers and sidecars are read from the pod's spec")
    func containers() {
        let all = PodContainer.all([
            "initContainers": [["name": "agent", "readinessProbe": ["tcpSocket": ["port": 8_080]]]],
            "containers": [["name": "proxysql", "livenessProbe": ["tcpSocket": ["port": 6_032], "periodSeconds": 2]]],
        ])
        #expect(all.map(\.name) == ["agent", "proxysql"])
        #expect(all[0].readiness != nil && all[0].liveness == nil)
        #expect(all[1].liveness?.period == .seconds(2))
    }

    @Test("The sandbox's pods: nothing that the agent answers decides over ProxySQL's life")
    func declared() {
        let all = PodContainer.all(["containers": PodContainer.declared])
        let proxysql = all.first { $0.name == "proxysql" }
        #expect(proxysql?.liveness?.action == .tcp(port: 6_032) && proxysql?.startup?.action == .tcp(port: 6_032))
    }

    @Test("A refused probe is a failure: the container is restarted, and only that one")
    func refused() async throws {
        var dead = PodContainer(name: "agent")
        dead.liveness = PodProbe(["tcpSocket": ["port": 1], "periodSeconds": 1, "failureThreshold": 2])
        let well = PodContainer(name: "proxysql")
        let restarted = Mutex<[String]>([])
        let wakeup = Wakeup()
        let watch = ContainerWatch([dead, well], host: "127.0.0.1", clock: ContinuousClock()) { name in
            restarted.withLock { $0.append(name) }
            wakeup.wake()
        }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await watch.run() }
            await wakeup.wait(upTo: .seconds(30), clock: ContinuousClock())
            tasks.cancelAll()
        }
        #expect(restarted.withLock { $0 } == ["agent"])
    }
}
