//! Who asks, and what it may do. The tenant comes from the API key and from nowhere else.

mod authenticator;
mod caller;
mod keyring;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::middleware::{RequestContext, record_tenant};
use crate::rate_limit;

pub(crate) use authenticator::Authenticator;
pub(crate) use caller::{Admin, Caller, OperatorAdmin, Ops, Reader, Writer};
pub(crate) use keyring::Keyring;

/// The header that carries the key.
pub(crate) const API_KEY_HEADER: &str = "X-API-Key";
/// What a client without a valid key is told.
pub(crate) const CHALLENGE: &str = "ApiKey realm=\"tandem\", header=\"X-API-Key\"";

/// Lets requests with a valid key pass, as often as the key may ask. The key is checked first, so that nobody
/// uses up the limit of somebody else's key by knowing its id.
pub(crate) async fn authenticate(
    State(app): State<AppState>,
    context: RequestContext,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match app.authenticator.caller(request.headers(), &context).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    record_tenant(caller.tenant_id, &context);
    let quota = app.rate_limits.check(&caller).await;
    let mut response = match quota.refusal() {
        Some(problem) => problem.into_response(),
        None => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    rate_limit::tell(&quota, response.headers_mut());
    response
}
