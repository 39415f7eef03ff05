"""Chester's data as Chester writes it: Datastore entities, by Google's own Python client, and Pub/Sub messages."""
import json

from google.cloud import datastore

NAMESPACE = "chester"

# Chester's struct DataStoreIncident, by the names of its Datastore properties.
INCIDENT = {
    "IncidentID": str, "PolicyName": str, "State": str, "StartedAt": int, "ClosedTimestamp": str,
    "Condition": {"IncidentID": str, "PolicyName": str}, "SqlMasterInstance": str, "ReplicaBaseName": str,
    "Documentation": {"Content": str, "MimeType": str}, "InProgress": bool, "Action": str, "LastProcess": str,
    "OperationID": str, "LastUpdated": str, "LastUpdatedBy": str, "LastIPAddress": str, "LastReadReplicaName": str}

# The same in a message; in_progress is left out when it is false.
MESSAGE = {
    "incident_id": str, "policy_name": str, "state": str, "started_at": int, "closed_timestamp": str,
    "condition": {"incident_id": str, "policy_name": str}, "sql_master_instance": str, "replica_basename": str,
    "documentation": {"content": str, "mime_type": str}, "action": str, "last_process": str, "operation_id": str,
    "last_updated": str, "last_updated_by": str, "last_ip_address": str, "last_read_replica_name": str}

# Chester's struct ProxySqlConfig.
CONFIGURATION = {
    "DataDir": str,
    "AdminVariables": {"AdminCredentials": str, "MysqlIFaces": str, "RefreshInterval": int},
    "MysqlVariables": {
        "Threads": int, "MaxConnections": int, "DefaultQueryDelay": int, "DefaultQueryTimeout": int,
        "HaveCompress": bool, "PollTimeout": int, "Interfaces": str, "DefaultSchema": str, "StackSize": int,
        "ServerVersion": str, "ConnectTimeoutServer": int, "MonitorHistory": int, "MonitorConnectInterval": int,
        "MonitorPingInterval": int, "PingInternalServerMsec": int, "PingTimeoutServer": int, "CommandsStats": bool,
        "SessionsSort": bool, "MonitorUsername": str, "MonitorPassword": str, "SSLP2SCert": str, "SSLP2SKey": str,
        "SSLP2SCA": str},
    "MySqlServers": [{
        "Address": str, "Port": int, "Hostgroup": int, "MaxConnections": int, "Comment": str, "UseSSL": int,
        "KeyData": str, "CAData": str, "CertData": str}],
    "MySqlUsers": [{"Username": str, "Password": str, "DefaultHostgroup": int, "Active": int, "InstanceGroup": str}],
    "MySqlQueryRules": [{
        "RuleID": int, "Username": str, "Active": int, "MatchDigest": str, "DestinationHostgroup": int, "Apply": int,
        "Comment": str}],
    "ReadHostGroup": int, "WriteHostGroup": int, "UseSSL": int, "KeyData": str, "CertData": str, "CAData": str,
    "KMSProject": str, "KMSLocation": str, "KMSKeyRing": str, "KMSKeyName": str, "KMSKeyVersion": str}
# What must not be indexed: secrets, and what may be longer than 1,500 bytes, which no index takes.
EXCLUDED = {"KeyData", "CertData", "CAData"}
METADATA = {"InstanceGroup": str, "MaxChesterInstances": int}
LIST = {"instance_metadata": str}


def differences(value, shape, place):
    """What of `value` does not have the names and types of `shape`."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{place} is no array: {value!r}"]
        return [text for index, part in enumerate(value) for text in differences(part, shape[0], f"{place}[{index}]")]
    if isinstance(shape, dict):
        if not hasattr(value, "items"):
            return [f"{place} is no entity: {value!r}"]
        problems = [f"{place}.{name} is missing" for name in shape if name not in value]
        problems += [f"{place}.{name} is none of Chester's" for name in value if name not in shape]
        for name in shape:
            if name in value:
                problems += differences(value[name], shape[name], f"{place}.{name}")
        return problems
    return [] if type(value) is shape else [f"{place} is {value!r}, and should be of type {shape.__name__}"]


def entity(key, properties, excluded=()):
    """An entity as Chester's Go client stores it, nested structs as entities without a key."""
    made = datastore.Entity(key=key, exclude_from_indexes=tuple(excluded))
    for name, value in properties.items():
        made[name] = nested(value)
    return made


def nested(value):
    if isinstance(value, dict):
        made = datastore.Entity()
        made.update({name: nested(part) for name, part in value.items()})
        return made
    return [nested(part) for part in value] if isinstance(value, list) else value


def plain(value):
    """The values alone, without what is indexed."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def incident_properties(name, action, last_process, **changes):
    """An incident of the group `shop`."""
    content = json.dumps({
        "replica_basename": "shop-ro-", "sql_master_instance": "shop", "instance_group": "shop", "action": action})
    return {
        "IncidentID": name, "PolicyName": "connections", "State": "open", "StartedAt": 1700000000,
        "ClosedTimestamp": "", "Condition": {"IncidentID": name, "PolicyName": "connections"},
        "SqlMasterInstance": "shop", "ReplicaBaseName": "shop-ro-",
        "Documentation": {"Content": content, "MimeType": "text/markdown"},
        "InProgress": last_process not in ("gcf_push", "closed", "clear", "fail"), "Action": action,
        "LastProcess": last_process, "OperationID": "", "LastUpdated": "2023-11-14T22:13:20Z",
        "LastUpdatedBy": "chester-daemon", "LastIPAddress": "", "LastReadReplicaName": "", **changes}


def incident(client, name, action, last_process, **changes):
    """Stores an incident of the group `shop`."""
    properties = incident_properties(name, action, last_process, **changes)
    made = entity(client.key("incident", name), properties)
    assert not differences(made, INCIDENT, "incident")
    client.put(made)
    return properties


def message(properties):
    """The incident as the webhook publishes it."""
    snake = {
        "incident_id": "IncidentID", "policy_name": "PolicyName", "state": "State", "started_at": "StartedAt",
        "closed_timestamp": "ClosedTimestamp", "sql_master_instance": "SqlMasterInstance",
        "replica_basename": "ReplicaBaseName", "action": "Action", "last_process": "LastProcess",
        "operation_id": "OperationID", "last_updated": "LastUpdated", "last_updated_by": "LastUpdatedBy",
        "last_ip_address": "LastIPAddress", "last_read_replica_name": "LastReadReplicaName"}
    made = {name: properties[theirs] for name, theirs in snake.items()}
    made["condition"] = {
        "incident_id": properties["Condition"]["IncidentID"], "policy_name": properties["Condition"]["PolicyName"]}
    made["documentation"] = {
        "content": properties["Documentation"]["Content"], "mime_type": properties["Documentation"]["MimeType"]}
    if properties["InProgress"]:
        made["in_progress"] = True
    return json.dumps(made).encode()


def server(address, hostgroup, comment):
    return {
        "Address": address, "Port": 3306, "Hostgroup": hostgroup, "MaxConnections": 100, "Comment": comment,
        "UseSSL": 0, "KeyData": "", "CAData": "", "CertData": ""}


def group(client, primary, replicas, added=(), maximum=1):
    """Stores the group `shop`; `replicas` are the static ones' addresses, `added` those of Chester's own."""
    servers = [server(primary, 5, "shop")]
    servers += [server(address, 10, f"shop-replica-{number}") for number, address in enumerate(replicas, 1)]
    servers += [server(address, 10, "Read Replica Added By Chester") for address in added]
    rules = [("^SELECT .* FOR UPDATE", 5, "select for update goes to the writer: shop"),
             ("^SELECT", 10, "selects go to the reader: shop"), (".*", 5, "catch all to writer: shop"),
             ("^DELETE", 5, "deletes to writer: shop")]
    key = client.key("proxysqlconfig", "shop")
    made = entity(key, {
        "DataDir": "/var/lib/proxysql",
        "AdminVariables": {
            "AdminCredentials": "admin:admin", "MysqlIFaces": "0.0.0.0:6032", "RefreshInterval": 2000},
        "MysqlVariables": {
            "Threads": 8, "MaxConnections": 4096, "DefaultQueryDelay": 0, "DefaultQueryTimeout": 36000000,
            "HaveCompress": True, "PollTimeout": 2000, "Interfaces": "0.0.0.0:6033;/tmp/proxysql.sock",
            "DefaultSchema": "information_schema", "StackSize": 1048576, "ServerVersion": "5.1.30",
            "ConnectTimeoutServer": 10000, "MonitorHistory": 60000, "MonitorConnectInterval": 200000,
            "MonitorPingInterval": 200000, "PingInternalServerMsec": 10000, "PingTimeoutServer": 200,
            "CommandsStats": True, "SessionsSort": True, "MonitorUsername": "proxysql", "MonitorPassword": "monitor",
            "SSLP2SCert": "", "SSLP2SKey": "", "SSLP2SCA": ""},
        "MySqlServers": servers,
        "MySqlUsers": [{
            "Username": "app", "Password": "secret", "DefaultHostgroup": 5, "Active": 1, "InstanceGroup": "shop"}],
        "MySqlQueryRules": [
            {"RuleID": number, "Username": "app", "Active": 1, "MatchDigest": digest, "DestinationHostgroup": target,
             "Apply": 1, "Comment": comment} for number, (digest, target, comment) in enumerate(rules, 1)],
        "ReadHostGroup": 10, "WriteHostGroup": 5, "UseSSL": 0, "KeyData": "", "CertData": "", "CAData": "",
        "KMSProject": "", "KMSLocation": "", "KMSKeyRing": "", "KMSKeyName": "", "KMSKeyVersion": ""},
        ("KeyData", "CertData", "CAData"))
    assert not differences(made, CONFIGURATION, "configuration")
    client.put(made)
    client.put(entity(
        client.key("proxysqlconfig", "shop", "chester_metadata", "shop"),
        {"InstanceGroup": "shop", "MaxChesterInstances": maximum}))
    client.put(entity(
        client.key("proxysql_metadata", "proxysql_metadata"), {"instance_metadata": json.dumps({"shop": "shop"})}))
    return made
