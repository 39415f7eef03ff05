import NIOCore
import Synchronization

/// The one name of a node: in the Lease, the claim, the status, events and digests.
///
/// In a cluster that is the pod's name, which the host's name need not be (`hostname:`, `setHostnameAsFQDN`, names of
/// more than 63 characters, `hostNetwork`). So a name counts as found once a pod bears it, or a pod was recognised as
/// our own by its address.
package final class NodeIdentity: Sendable {
    /// What the process can say about itself before it knows any pod.
    package struct Hints: Hashable, Sendable {
        /// The name that a person gave it: nothing else is tried.
        package var stated: String?
        /// `POD_NAME`, as manifests set it by the downward API.
        package var podName: String?
        /// `HOSTNAME`, then the kernel's name of the host; at least one.
        package var hostNames: [String]
        /// Addresses at which this node is reached.
        package var addresses: Set<String>

        /// Gathers them.
        package init(
            stated: String? = nil, podName: String? = nil, hostNames: [String], addresses: Set<String> = []
        ) {
            self.stated = stated
            self.podName = podName
            self.hostNames = hostNames
            self.addresses = Set(addresses.map(NodeIdentity.canonical))
        }

        /// The name before any pod is known, and where there are no pods.
        package var best: String { stated ?? podName ?? hostNames.first ?? "localhost" }
    }

    /// Host names have at most so many characters; the kubelet cuts a longer name of a pod to them.
    private static let longestHostName = 63

    /// How long a core looks for itself among the cores before it says that it is not there.
    package static let patience = Duration.seconds(30)

    private let hints: Hints
    /// Tells this process from every other one, an earlier one of the same pod included.
    package let instance: String
    private let found = Mutex<String?>(nil)

    /// Makes the identity of a process.
    package init(_ hints: Hints) {
        self.hints = hints
        let digits = Array("0123456789abcdef")
        instance = String((0..<16).map { _ in digits.randomElement() ?? "0" })
    }

    /// The name: the one that was found, else the best guess.
    package var name: String { found.withLock { $0 } ?? hints.best }
    /// Whether the name was found among the cores, or a person gave it.
    package var isCertain: Bool { hints.stated != nil || isFound }
    /// Whether the name was found among the cores.
    package var isFound: Bool { found.withLock { $0 } != nil }

    /// Finds this node among the cores, unless it was found before; its name.
    package func find(among members: [CoreMember]) -> String? {
        found.withLock { found in
            if found == nil { found = Self.own(among: members, hints) }
            return found
        }
    }

    /// This process answered at that core's address.
    package func recognise(_ member: CoreMember) {
        found.withLock { $0 = $0 ?? member.name }
    }

    /// Which of `members` the process with these hints runs beside; nil when none is, or it cannot be told.
    package static func own(among members: [CoreMember], _ hints: Hints) -> String? {
        func named(_ name: String) -> CoreMember? { members.first { $0.name == name } }
        if let stated = hints.stated { return named(stated)?.name }
        if let podName = hints.podName, let member = named(podName) { return member.name }
        let here = members.filter { hints.addresses.contains(canonical($0.host)) }
        let alike = hints.hostNames.lazy.compactMap { named($0) ?? Self.alike($0, members) }
        // A host's name may happen to be another pod's; an address that only one pod has is nobody else's.
        if let member = alike.first(where: { here.isEmpty || here.contains($0) }) { return member.name }
        return here.count == 1 ? here.first?.name : alike.first?.name
    }

    /// The only member whose name is the first label of `hostName`, or is longer than a host name may be and begins so.
    private static func alike(_ hostName: String, _ members: [CoreMember]) -> CoreMember? {
        let label = hostName.prefix { $0 != "." }
        if label != hostName, let member = members.first(where: { $0.name == label }) { return member }
        let cut = members.filter { $0.name.utf8.count > longestHostName && $0.name.hasPrefix(label) }
        // The kubelet takes hyphens and dots off the end of what it cut, so a little less than 63 may be left.
        return cut.count == 1 && label.utf8.count > longestHostName - 8 ? cut.first : nil
    }

    /// An address in the one spelling that all are compared in.
    static func canonical(_ host: String) -> String {
        (try? SocketAddress(ipAddress: host, port: 0))?.ipAddress ?? host
    }

    /// The addresses of this host's interfaces that others could reach it at.
    static func interfaceAddresses() -> Set<String> {
        let devices = (try? NIOCore.System.enumerateDevices()) ?? []
        return Set(
            devices.compactMap { $0.address?.ipAddress }.filter { address in
                !address.hasPrefix("127.") && address != "::1" && !address.hasPrefix("fe80:")
            })
    }
}
