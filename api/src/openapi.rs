//! The OpenAPI document: made from the routes, committed as `api/openapi.json`, shown at `/docs`.

use salvo::{
    oapi::{
        Info, OpenApi, SecurityScheme,
        security::{Http, HttpAuthScheme},
        swagger_ui::Config,
    },
    prelude::*,
};

use crate::router;

/// The document as `causeway-api openapi` prints it.
///
/// # Errors
/// When it does not serialise.
pub fn document_text() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&serde_json::to_value(document(&router::routes()))?)? + "\n")
}

/// The document of `routes`.
pub(crate) fn document(routes: &Router) -> OpenApi {
    let info = Info::new("Causeway", "1").description(
        "Carries messages between Telegram and Discord. Errors are `application/problem+json` with a stable `code`; \
         ids are prefixed text; ids of the platforms are decimal text.",
    );
    let bearer =
        |description: &str| SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer).description(description.to_owned()));
    OpenApi::with_info(info)
        .add_security_scheme("bearer", bearer("The access token of `register` or `login`; good for an hour."))
        .add_security_scheme("operator", bearer("The operator's token, `OPERATOR_TOKEN` of the process."))
        .merge_router(routes)
}

/// The page at `/docs`: its scripts come with the process, and it asks no outside validator.
pub(crate) fn ui_config() -> Config<'static> {
    Config::new(["/openapi.json"]).validator_url("none").persist_authorization(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_that_of_the_routes() {
        let committed = include_str!("../openapi.json");
        assert_eq!(document_text().unwrap(), committed, "run `make openapi` and commit api/openapi.json");
    }
}
