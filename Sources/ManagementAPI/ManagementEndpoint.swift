package import Endpoints

/// Chester's routes, as its Terraform provider and its own tests call them.
package enum CompatibleEndpoint: EndpointName {
    case root, health
    case addDatabase, modifyDatabase, removeDatabase, databases, database
    case modifyRule, storeKey, storeCertificate
    case user, addUser, modifyUser, removeUser

    /// What it is.
    package var endpoint: Endpoint {
        switch self {
        case .root: Endpoint(.get, "/", "Says that the process serves.")
        case .health: Endpoint(.get, "/healthcheck", "Says that the process serves.")
        case .addDatabase: change(.post, "/", "Registers a database.")
        case .modifyDatabase: change(.patch, "/", "Changes a database.")
        case .removeDatabase: change(.delete, "/", "Withdraws a database.", further: [409])
        case .databases: look("/databases", "Lists databases; `?filter=true` without the managed replicas.")
        case .database: look("/databases/{name}", "Shows a database.")
        case .modifyRule: change(.patch, "/queryrules/{id}", "Changes a query rule of `?instance_group=`.")
        case .storeKey: change(.patch, "/key/{name}", "Stores the key of the certificate for the backends.")
        case .storeCertificate: change(.patch, "/cert/{name}", "Stores that certificate.")
        case .user: look("/users/{username}", "Shows a user of `?instance_group=`.")
        case .addUser: change(.post, "/users", "Adds a user.")
        case .modifyUser: change(.patch, "/users", "Changes a user.")
        case .removeUser: change(.delete, "/users/{username}", "Removes a user of `?instance_group=`.")
        }
    }

    private func look(_ path: String, _ meaning: String) -> Endpoint {
        Endpoint(.get, path, access: "read", answers: [200, 400, 401, 403, 503], meaning)
    }

    private func change(
        _ method: Endpoint.Method, _ path: String, _ meaning: String, further: [Int] = []
    ) -> Endpoint {
        Endpoint(method, path, access: "admin", answers: ([200, 400, 401, 403, 413, 503] + further).sorted(), meaning)
    }
}

/// What is served beside `/v1` and Chester's routes.
package enum ManagementEndpoint: EndpointName {
    case page, pageContent, style, script, openAPI, metrics

    /// What it is.
    package var endpoint: Endpoint {
        switch self {
        case .page: look("/ui", "The status page.")
        case .pageContent: look("/ui/content", "Its changing part.")
        case .style: look("/ui/style.css", "Its style.")
        case .script: look("/ui/page.js", "Its script.")
        case .openAPI: look("/v1/openapi.json", "The description of `/v1` (OpenAPI 3.1).")
        case .metrics: look("/metrics", "The metrics as Prometheus text.")
        }
    }

    private func look(_ path: String, _ meaning: String) -> Endpoint {
        Endpoint(.get, path, access: "read", answers: [200, 401, 403], meaning)
    }
}
