import Logging
import MySQLWire
import Pacing
import Synchronization

/// What the process does with its sockets.
extension FakeProxySQL {
    /// Binds one of the ports anew and hands it to `run()`.
    func listen(admin isAdmin: Bool) async throws {
        let port = sockets.withLock { isAdmin ? $0.adminPort : $0.mysqlPort }
        var manner = ServerStateMachine.Manner(serverVersion: "8.0.11")
        manner.deniesWith = "ProxySQL Error: Access denied for user"
        manner.deprecatesEOF = !isAdmin
        var listening = MySQLServer.Configuration(host: configuration.host, port: port, manner: manner)
        if let certificate { listening.presentTLS = { certificate.present } }
        let server = try await MySQLServer.listen(listening, logger: logger) {
            [unowned self] _ -> any MySQLServerSession in
            isAdmin ? AdminSession(self) : ClientSession(self)
        }
        sockets.withLock { sockets in
            if isAdmin { sockets.admin = server } else { sockets.mysql = server }
            sockets.unserved.append(server)
        }
        wakeup.wake()
    }

    /// Serves clients and polls peers until the task is cancelled or `stop()` is called; then every socket is closed.
    package func run() async throws {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.pollPeers() }
            while !Task.isCancelled, !sockets.withLock({ $0.isStopped }) {
                for server in takeUnserved() {
                    tasks.addTask { try? await server.run() }
                }
                await wakeup.wait(upTo: .seconds(3_600), clock: ContinuousClock())
            }
            await stop()
            tasks.cancelAll()
        }
    }

    private func takeUnserved() -> [MySQLServer] {
        sockets.withLock { sockets in
            defer { sockets.unserved = [] }
            return sockets.unserved
        }
    }

    /// Closes everything for good; `run()` returns.
    package func stop() async {
        sockets.withLock {
            $0.isStopped = true
            $0.isRunning = false
        }
        await closeEverything()
        gate.open()
        wakeup.wake()
    }

    private func closeEverything() async {
        let (servers, silent) = sockets.withLock { sockets in
            defer {
                sockets.admin = nil
                sockets.mysql = nil
                sockets.former = []
                sockets.silent = []
            }
            return (sockets.former + [sockets.admin, sockets.mysql].compactMap(\.self), sockets.silent)
        }
        for listener in silent { await listener.stop() }
        for server in servers { await server.stop() }
        // A server that nobody ran must still be taken down in order.
        for server in takeUnserved() {
            await server.stop()
            try? await server.run()
        }
    }

    /// `PROXYSQL PAUSE`: new clients are refused, those that are there stay.
    func pause() async {
        let server = sockets.withLock { sockets in
            defer { sockets.mysql = nil }
            sockets.isPaused = true
            if let mysql = sockets.mysql { sockets.former.append(mysql) }
            return sockets.mysql
        }
        await server?.closeListener()
    }

    /// `PROXYSQL RESUME`.
    func resume() async {
        sockets.withLock { $0.isPaused = false }
        do {
            try await listen(admin: false)
        } catch {
            logger.error("the MySQL port cannot be opened again", metadata: ["error": "\(error)"])
        }
    }

    /// Ends the node as SIGKILL does: every socket closes, runtime and memory are lost, the disk layer stays.
    package func kill() async {
        sockets.withLock { $0.isRunning = false }
        gate.open()
        await closeEverything()
    }

    /// Starts a killed node again, on the same ports, from its disk layer.
    ///
    /// - Throws: when a port was taken meanwhile or the disk layer cannot be read.
    package func restart() async throws {
        await kill()
        try await node.reboot()
        sockets.withLock {
            $0.isRunning = true
            $0.isPaused = false
            $0.clientsCreated = 0
        }
        try await listen(admin: true)
        try await listen(admin: false)
    }

    /// Hangs as SIGSTOP makes a process hang: connections are accepted and nobody ever answers, on both ports.
    ///
    /// - Throws: when the ports cannot be taken over.
    package func wedge() async throws {
        gate.shut()
        let (servers, ports) = sockets.withLock { sockets in
            let servers = [sockets.admin, sockets.mysql].compactMap(\.self)
            sockets.former += servers
            let ports = [sockets.adminPort] + (sockets.mysql == nil ? [] : [sockets.mysqlPort])
            sockets.admin = nil
            sockets.mysql = nil
            return (servers, ports)
        }
        for server in servers { await server.closeListener() }
        for port in ports {
            let listener = try await SilentListener.listen(host: configuration.host, port: port)
            sockets.withLock { $0.silent.append(listener) }
        }
    }

    /// Closes every connection to the admin port; it listens on.
    package func dropAdminClients() async {
        let former = sockets.withLock { sockets in
            defer { sockets.admin = nil }
            return sockets.admin
        }
        await former?.stop()
        do {
            try await listen(admin: true)
        } catch {
            logger.error("the admin port cannot be opened again", metadata: ["error": "\(error)"])
        }
    }

    /// Goes on after `wedge()`: what was asked meanwhile is answered now.
    ///
    /// - Throws: when a port cannot be opened again.
    package func unwedge() async throws {
        let (silent, isPaused) = sockets.withLock { sockets in
            defer { sockets.silent = [] }
            return (sockets.silent, sockets.isPaused)
        }
        for listener in silent { await listener.stop() }
        try await listen(admin: true)
        if !isPaused { try await listen(admin: false) }
        gate.open()
    }

    /// Lets every answer on the admin port wait this long; `.zero` ends it.
    package func addDelay(_ delay: Duration) {
        sockets.withLock { $0.delay = delay }
    }

    /// Pretends that so many clients more are connected to the MySQL port.
    package func setClientConnections(_ count: Int) {
        sockets.withLock { $0.imaginaryClients = count }
    }

    /// Says how many connections are in use on a server, in one hostgroup or in all in which it is.
    package func setConnectionsInUse(address: String, port: Int = 3306, hostgroup: Int? = nil, count: Int) async {
        await node.setConnectionsInUse(address: address, port: port, hostgroup: hostgroup, count: count)
    }
}
