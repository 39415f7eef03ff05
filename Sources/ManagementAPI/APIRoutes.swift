package import FleetModel
package import Hummingbird
package import Logging
package import Pacing

/// The role `drover api`: Chester's surface, and a better one under `/v1`.
package struct APIRoutes: Sendable {
    /// What the routes work with, beside the stores.
    package struct Settings: Sendable {
        /// The policy of a new group, where its document says nothing.
        package var defaultPolicy: ScalingPolicy
        /// Whether all groups live on the same ProxySQL nodes, so that user names must be unique among them.
        package var groupsShareNodes = true
        /// The largest body, in bytes.
        package var maximumBodyBytes = 1 << 20

        /// Makes settings with the defaults of `drover serve`.
        package init(defaultPolicy: ScalingPolicy) {
            self.defaultPolicy = defaultPolicy
        }
    }

    private let parts: APIParts

    /// Serves what is in the stores.
    package init(
        store: any ChangeStore, incidents: any IncidentStore, settings: Settings, wallClock: any WallClock,
        logger: Logger
    ) {
        parts = APIParts(
            editor: GroupEditor(
                store: store, wallClock: wallClock, groupsShareNodes: settings.groupsShareNodes),
            store: store, incidents: incidents, defaultPolicy: settings.defaultPolicy, logger: logger,
            maximumBodyBytes: settings.maximumBodyBytes)
    }

    /// Adds the routes.
    package func addRoutes(to router: Router<ManagementContext>) {
        CompatibleRoutes(parts: parts).addRoutes(to: router)
        GroupRoutes(parts: parts).addRoutes(to: router)
    }
}
