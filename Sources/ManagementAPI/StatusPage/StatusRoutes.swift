import Endpoints
import FleetModel
import HTTPTypes
import Hummingbird
import NIOCore

/// `/ui`: the status page, its changing part, and its two assets.
struct StatusRoutes: Sendable {
    let parts: APIParts

    func addRoutes(to router: Router<ManagementContext>) {
        router.serve(ManagementEndpoint.page) { _, _ in await page { StatusPage(state: $0).document } }
        router.serve(ManagementEndpoint.pageContent) { _, _ in await page { StatusPage(state: $0).content } }
        router.serve(ManagementEndpoint.style) { _, _ in Self.answer(StatusAssets.style, "text/css; charset=utf-8") }
        router.serve(ManagementEndpoint.script) { _, _ in
            Self.answer(StatusAssets.script, "text/javascript; charset=utf-8")
        }
    }

    private func page(_ render: (StatusState) -> HTML) async -> Response {
        do throws(APIError) {
            return Self.answer(render(try await StatusState(parts)).text, "text/html; charset=utf-8")
        } catch {
            return Self.answer(error.message, "text/plain; charset=utf-8", .init(integerLiteral: error.status))
        }
    }

    private static func answer(
        _ text: String, _ type: String, _ status: HTTPResponse.Status = .ok
    ) -> Response {
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-store"]
        headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        if let referrer = HTTPField.Name("Referrer-Policy") { headers[referrer] = "no-referrer" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
