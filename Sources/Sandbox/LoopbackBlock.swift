import NIOCore
import NIOPosix

/// A range of loopback addresses, `127.0.N.1` to `127.0.N.254`, that one sandbox has for itself.
///
/// A listening socket on the last address is the claim: the kernel gives it to one process only and takes it back
/// when that process ends, however it ends.
struct LoopbackBlock: Sendable {
    let number: Int
    private let claim: any Channel

    /// Claims the first free block.
    /// - Throws: `SandboxError` when none is free.
    static func claim() async throws -> LoopbackBlock {
        for number in 3..<250 {
            let claimed = try? await bind("127.0.\(number).254", 6_031)
            guard let claimed else { continue }
            // Somebody may listen on every address of this machine, or have been here before us.
            if let admin = try? await bind("127.0.\(number).1", 6_032),
                let mysql = try? await bind("127.0.\(number).1", 6_033)
            {
                try await admin.close()
                try await mysql.close()
                return LoopbackBlock(number: number, claim: claimed)
            }
            try? await claimed.close()
        }
        throw SandboxError("no range of loopback addresses has ports 6031 to 6033 free; stop what listens there")
    }

    /// An address of the block.
    func address(_ last: Int) -> String {
        "127.0.\(number).\(last)"
    }

    /// A port that is free on the address now; nobody else uses the block's addresses.
    func freePort(_ last: Int) async throws -> Int {
        let channel = try await Self.bind(address(last), 0)
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    func release() async {
        try? await claim.close()
    }

    private static func bind(_ host: String, _ port: Int) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: host, port: port).get()
    }
}
