import FakeKubernetes
import FakeProxySQL
import FleetModel
import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("Cores whose pods are called otherwise than their hosts, over real sockets", .timeLimit(.minutes(3)))
struct CoreNameTests {
    @Test(
        "A core knows its pod by address: it settles, and the Lease bears the pod's name", arguments: [true, false])
    func hostName(isPodReader: Bool) async throws {
        try await Cluster.run(isPodReader: isPodReader) { cluster in
            if !isPodReader { try await cluster.replicaSet("t1", revision: 1) }
            try await withNode(node("core-0")) { fake in
                try await cluster.pod("core-0", ip: fake.adminEndpoint.host)
                try await withAgent(
                    fake, mode: "core", ["agent.name": "", "agent.kubernetes": "auto"],
                    environment: cluster.environment.merging(["HOSTNAME": "database"]) { $1 }
                ) { agent in
                    let status = try await agent.status {
                        $0["boot"] as? String == "settled" && $0["is_leader"] as? Bool == true
                    }
                    #expect(status["boot"] as? String == "settled" && status["node"] as? String == "core-0")
                    #expect(status["leader"] as? String == "core-0" && status["reason"] == nil)
                }
            }
        }
    }

    @Test("HOSTNAME is the name, as for the Go agent, whatever the machine is called")
    func variable() async throws {
        try await Cluster.run(isPodReader: true) { cluster in
            try await withNode(node("core-0")) { fake in
                // An address that cannot be told from any other's.
                try await cluster.pod("core-0", ip: "127.0.4.1")
                try await withAgent(
                    fake, mode: "core", ["agent.name": "", "agent.kubernetes": "auto"],
                    environment: cluster.environment.merging(["HOSTNAME": "core-0"]) { $1 }
                ) { agent in
                    let status = try await agent.status { $0["boot"] as? String == "settled" }
                    #expect(status["boot"] as? String == "settled" && status["node"] as? String == "core-0")
                }
            }
        }
    }

    private static let long = "proxysql-core-with-the-names-of-a-region-a-team-and-a-service-6d5f9c7b8d-abcde"

    @Test(
        "A core finds its pod by a host name that was cut, qualified, or is the machine's",
        arguments: [
            (long, String(long.prefix(63)), false), ("core-0", "core-0.core.proxysql.svc.cluster.local", false),
            ("core-0", "node-7", true),
        ])
    func shapes(pod: String, hostName: String, isAddressTold: Bool) async throws {
        try await Cluster.run(isPodReader: true) { cluster in
            try await withNode(node("core-0")) { fake in
                try await cluster.pod(pod, ip: isAddressTold ? fake.adminEndpoint.host : "127.0.4.1")
                try await cluster.pod("core-1", ip: "127.0.4.2", ready: false)
                try await withAgent(
                    fake, mode: "core", ["agent.name": "", "agent.kubernetes": "auto"],
                    environment: cluster.environment.merging(["HOSTNAME": hostName]) { $1 }
                ) { agent in
                    let status = try await agent.status { $0["node"] as? String == pod }
                    #expect(status["node"] as? String == pod && status["reason"] == nil, "\(status)")
                }
            }
        }
    }

    @Test("When a template was first seen outlives the agent that saw it")
    func seen() async throws {
        let folder = NSTemporaryDirectory() + "drover-core-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = [
            "agent.name": "core-0", "agent.kubernetes": "auto", "agent.core.interval-seconds": "0.2",
            "agent.shutdown.draining-file": folder + "/draining",
        ]
        func seen(_ status: [String: Any]) -> [String: Int] {
            (status["seen"] as? [String: Any] ?? [:]).compactMapValues { $0 as? Int }
        }
        try await Cluster.run(isPodReader: true) { cluster in
            try await withNode(node("core-0")) { fake in
                try await cluster.pod("old-0", ip: "127.0.4.1", template: "t1")
                try await cluster.pod("core-0", ip: fake.adminEndpoint.host, template: "t2")
                let before = try await withAgent(fake, mode: "core", settings, environment: cluster.environment) {
                    seen(try await $0.status { seen($0)["t1"] != nil && $0["boot"] as? String == "settled" })
                }
                #expect(before["t1"] != nil)
                try await cluster.delete("old-0")
                let after = try await withAgent(fake, mode: "core", settings, environment: cluster.environment) {
                    seen(try await $0.status { $0["boot"] as? String == "settled" })
                }
                #expect(after == before)
            }
        }
    }
}
