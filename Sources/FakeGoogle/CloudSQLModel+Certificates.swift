package import FleetModel
import JSONValues

// What the Admin API says of certificates (`sqladmin.v1`'s discovery document: `sslCerts`, `instances.listServerCas`).

extension CloudSQLModel {
    /// A second server CA appears, as after `addServerCa`; both are listed until the rotation is completed.
    package mutating func beginRotation(of name: String, at now: Timestamp) throws {
        var known = try certificates(of: name, at: now)
        try known.addAuthority(at: now)
        allCertificates[name] = known
    }

    /// The rotation of the server CA is completed.
    package mutating func endRotation(of name: String, at now: Timestamp) throws {
        var known = try certificates(of: name, at: now)
        known.dropAuthority()
        allCertificates[name] = known
    }

    mutating func serverAuthorities(of name: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        let known = try made(name, at: now)
        return [
            "kind": "sql#instancesListServerCas", "activeVersion": .string(known.active?.fingerprint ?? ""),
            "certs": .array(known.authorities.map { $0.document(of: name) }),
        ]
    }

    /// The instance, with its server CA.
    mutating func instance(_ name: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        var instance = try get(name)
        if let active = try made(name, at: now).active { instance["serverCaCert"] = active.document(of: name) }
        return instance
    }

    mutating func clientCertificates(of name: String, at now: Timestamp) throws(GoogleError) -> JSONValue {
        let known = try made(name, at: now).clients
        var list: JSONValue = ["kind": "sql#sslCertsList"]
        if !known.isEmpty { list["items"] = .array(known.map { $0.document(of: name) }) }
        return list
    }

    mutating func makeClientCertificate(
        _ body: JSONValue, of name: String, id: String, at now: Timestamp
    ) throws(GoogleError) -> JSONValue {
        let known = try made(name, at: now)
        guard let commonName = body["commonName"]?.string, !commonName.isEmpty, commonName.utf8.count <= 64 else {
            throw GoogleError(400, "invalid", "Invalid request: Invalid common name.")
        }
        guard !known.clients.contains(where: { $0.commonName == commonName }) else {
            throw GoogleError(
                409, "sslCertAlreadyExists", "The SSL certificate already exists: common names are unique.")
        }
        guard known.clients.count < 10 else {
            throw GoogleError(400, "maxSslCerts", "The maximum number of client certificates is reached.")
        }
        do {
            var changed = known
            let (made, key) = try changed.addClient(commonName, at: now)
            allCertificates[name] = changed
            var answer: JSONValue = [
                "kind": "sql#sslCertsInsert",
                "clientCert": ["certInfo": made.document(of: name), "certPrivateKey": .string(key)],
                "operation": certificateOperation("UPDATE", on: name, id: id, at: now),
            ]
            if let active = known.active { answer["serverCaCert"] = active.document(of: name) }
            return answer
        } catch {
            throw GoogleError(500, "internalError", "The certificate could not be made.")
        }
    }

    mutating func deleteClientCertificate(
        _ fingerprint: String, of name: String, id: String, at now: Timestamp
    ) throws(GoogleError) -> JSONValue {
        _ = try made(name, at: now)
        guard allCertificates[name]?.removeClient(fingerprint) == true else {
            throw GoogleError(404, "sslCertDoesNotExist", "The SSL certificate does not exist.")
        }
        return certificateOperation("UPDATE", on: name, id: id, at: now)
    }

    private func certificateOperation(_ type: String, on name: String, id: String, at now: Timestamp) -> JSONValue {
        [
            "kind": "sql#operation", "name": .string(id), "operationType": .string(type), "status": "DONE",
            "insertTime": .string(now.rfc3339), "endTime": .string(now.rfc3339), "targetId": .string(name),
            "targetProject": .string(project),
        ]
    }

    private mutating func made(_ name: String, at now: Timestamp) throws(GoogleError) -> StandInCertificates {
        _ = try get(name)
        do {
            return try certificates(of: name, at: now)
        } catch {
            throw GoogleError(500, "internalError", "The certificates could not be made.")
        }
    }

    private mutating func certificates(of name: String, at now: Timestamp) throws -> StandInCertificates {
        if let known = allCertificates[name] { return known }
        let made = try StandInCertificates(at: now)
        allCertificates[name] = made
        return made
    }
}
