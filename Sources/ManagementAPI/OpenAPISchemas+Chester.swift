import JSONValues

extension OpenAPISchemas {
    private static let looseInteger: JSONValue = ["type": ["integer", "string", "null"]]
    private static let text: JSONValue = ["type": "string"]
    private static let looseText: JSONValue = ["type": ["string", "null"]]

    private static func array(_ schema: String) -> JSONValue {
        ["type": ["array", "null"], "items": OpenAPI.reference(schema)]
    }

    /// The documents of Chester's surface, with its field names. Its Go clients send fields that are not used, and
    /// its Terraform provider numbers as texts.
    static let chester: [String: JSONValue] = [
        "ChesterStatus": object(["status": text]),
        "ChesterError": object(["error": text]),
        "ChesterServer": object(["name": text, "ip_address": text], isOpen: true),
        "ChesterMetadata": object(
            ["instance_group": looseText, "max_chester_instances": looseInteger], required: [], isOpen: true),
        "ChesterRule": object(
            [
                "rule_id": looseInteger, "username": looseText, "active": looseInteger, "match_digest": text,
                "destination_hostgroup": looseInteger, "apply": looseInteger, "comment": looseText,
            ], required: ["match_digest"], isOpen: true),
        "ChesterAdd": object(
            [
                "action": looseText, "instance_name": text, "username": text, "password": text,
                "master_instance": OpenAPI.reference("ChesterServer"), "read_replicas": array("ChesterServer"),
                "query_rules": array("ChesterRule"), "chester_meta_data": OpenAPI.reference("ChesterMetadata"),
                "enable_ssl": looseInteger, "key_data": looseText, "cert_data": looseText, "ca_data": looseText,
            ], required: ["instance_name", "username", "password", "master_instance"], isOpen: true),
        "ChesterAdded": object([
            "action": text, "query_rules": array("ChesterRule"), "instance_name": text, "username": text,
            "password": text, "write_host_group": ["type": "integer"], "read_host_group": ["type": "integer"],
            "ssl_enabled": ["type": "integer"], "chester_meta_data": OpenAPI.reference("ChesterMetadata"),
        ]),
        "ChesterModify": object(
            [
                "instance_name": text, "new_username": looseText, "new_password": looseText,
                "add_query_rules": array("ChesterRule"),
                "remove_query_rules": ["type": ["array", "null"], "items": looseInteger],
                "query_rules": array("ChesterRule"), "read_replicas": array("ChesterServer"),
                "chester_meta_data": OpenAPI.reference("ChesterMetadata"),
            ], required: ["instance_name"], isOpen: true),
        "ChesterRemove": object(
            ["instance_name": text, "delete_replicas": ["type": ["boolean", "null"]]], required: ["instance_name"],
            isOpen: true),
        "ChesterDatabase": object([
            "instance_name": text, "read_hostgroup": ["type": "integer"], "write_hostgroup": ["type": "integer"],
            "username": text, "password": text, "query_rules": array("ChesterRule"),
            "master_instance": OpenAPI.reference("ChesterServer"), "read_replicas": array("ChesterServer"),
            "use_ssl": ["type": "integer"], "chester_meta_data": OpenAPI.reference("ChesterMetadata"),
        ]),
        "ChesterDatabaseList": ["type": "array", "items": OpenAPI.reference("ChesterDatabase")],
        "ChesterUser": object(
            [
                "username": text, "password": looseText, "default_hostgroup": looseInteger, "active": looseInteger,
                "instance_group": looseText,
            ], required: ["username"], isOpen: true),
        "ChesterModifyUser": object(
            [
                "username": text, "new_username": looseText, "password": looseText, "default_host_group": looseInteger,
            ], required: ["username"], isOpen: true),
        "ChesterKey": object(["key": text], isOpen: true),
        "ChesterCertificate": object(["cert": text], isOpen: true),
    ]
}
