import Synchronization

/// Polling the peers over the wire, each on its own, so that one that hangs delays nobody.
extension FakeProxySQL {
    /// Watches `runtime_proxysql_servers` and keeps one polling task per peer.
    func pollPeers() async {
        await withDiscardingTaskGroup { tasks in
            while !Task.isCancelled {
                // One look at the table for all: one a peer would be nine million rows a second among 3,000.
                let peers = Set((try? await node.configuredPeers()) ?? [])
                configured.withLock { $0 = peers }
                for peer in peers where polled.withLock({ $0.insert(peer).inserted }) {
                    tasks.addTask {
                        await self.poll(peer)
                        self.polled.withLock { _ = $0.remove(peer) }
                    }
                }
                guard await rest() else { return }
            }
        }
    }

    /// Checks one peer every interval until it is no longer configured.
    private func poll(_ address: PeerAddress) async {
        let peer = await NetworkPeer(
            address, username: node.variable("admin-cluster_username") ?? "",
            password: node.variable("admin-cluster_password") ?? "", timeout: .seconds(1), logger: logger)
        while !Task.isCancelled, configured.withLock({ $0.contains(address) }) {
            if gate.isOpen, sockets.withLock({ $0.isRunning }) {
                await node.clusterCheck(peer)
            } else {
                await peer.close()
            }
            guard await rest() else { break }
        }
        await peer.close()
    }

    /// Waits for one interval; false when the task was cancelled.
    private func rest() async -> Bool {
        let interval = await node.variable("admin-cluster_check_interval_ms").flatMap { Int($0) } ?? 1_000
        do {
            try await clock.sleep(for: .milliseconds(max(10, interval)))
            return true
        } catch {
            return false
        }
    }
}
