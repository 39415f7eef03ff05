package import Hummingbird

/// Answers 403 to what a page of another site may have made a browser send.
package struct BrowserMiddleware<Context: RequestContext>: RouterMiddleware {
    private let check: BrowserCheck

    /// Makes it of a check.
    package init(_ check: BrowserCheck) {
        self.check = check
    }

    package func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do throws(BrowserCheck.Objection) {
            try check.check(request.head)
        } catch {
            throw HTTPError(.forbidden, message: error.description)
        }
        return try await next(request, context)
    }
}
