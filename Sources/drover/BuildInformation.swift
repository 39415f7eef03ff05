import CBuild

/// What the binary was made of; scripts/release.sh tells the compiler, other builds say so.
enum BuildInformation {
    /// For `drover --version`: version, commit and Swift version.
    static var text: String {
        let (version, commit) = (String(cString: drover_version()), String(cString: drover_commit()))
        return "\(version) (commit \(commit), Swift \(String(cString: drover_swift_version())))"
    }
}
