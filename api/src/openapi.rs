//! The OpenAPI document: made from the routes, committed as `api/openapi.json`, shown at `/docs`.

use domain::Access;
use salvo::{
    http::Method,
    oapi::{
        Info, OpenApi, Operation, PathItemType, SecurityRequirement, SecurityScheme,
        security::{Http, HttpAuthScheme},
        swagger_ui::Config,
    },
};

use crate::router;

/// The document as `causeway-api openapi` prints it.
///
/// # Errors
/// When it does not serialise.
pub fn document_text() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&serde_json::to_value(document())?)? + "\n")
}

/// The document of the route table: what the endpoints say of themselves, and what the table asks of the caller.
pub(crate) fn document() -> OpenApi {
    let info = Info::new("Causeway", "1").description(
        "Carries messages between Telegram and Discord. Errors are `application/problem+json` with a stable `code`; \
         ids are prefixed text; ids of the platforms are decimal text.",
    );
    let bearer =
        |description: &str| SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer).description(description.to_owned()));
    let routes = router::routes();
    let accesses: Vec<(String, Method, Access)> =
        routes.iter().map(|route| (route.wire_path(), route.method.clone(), route.access)).collect();
    let table = router::router(routes);
    let mut document = OpenApi::with_info(info)
        .add_security_scheme("session", bearer("The access token of `register`, `login` or `refresh`."))
        .add_security_scheme(
            "api_key",
            bearer("An API key of `POST /api/keys`; the names are the scopes that it needs."),
        )
        .add_security_scheme("staff", bearer("The access token of the administration's log-in; the name is the role."))
        .add_security_scheme("operator", bearer("The operator's token, `OPERATOR_TOKEN` of the process."))
        .merge_router(&table);
    for (path, method, access) in accesses {
        let item = document.paths.get_mut(&path);
        if let Some(operation) = item.and_then(|item| item.operations.get_mut(&path_item_type(&method))) {
            secure(operation, access);
        }
    }
    document
}

/// Says in the document what the table asks of the caller.
fn secure(operation: &mut Operation, access: Access) {
    let mut require = |scheme: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        *operation = std::mem::take(operation).add_security(SecurityRequirement::new(scheme, names));
    };
    match access {
        Access::Open | Access::Probe | Access::Link => (),
        Access::Tenant(scope) => {
            require("session", &[]);
            require("api_key", &[scope.as_str()]);
        }
        Access::Person => require("session", &[]),
        Access::Staff(role) => require("staff", &[role.as_str()]),
        Access::Operator => require("operator", &[]),
    }
}

fn path_item_type(method: &Method) -> PathItemType {
    match method.as_str() {
        "POST" => PathItemType::Post,
        "PUT" => PathItemType::Put,
        "PATCH" => PathItemType::Patch,
        "DELETE" => PathItemType::Delete,
        "OPTIONS" => PathItemType::Options,
        _ => PathItemType::Get,
    }
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
        assert!(document_text().unwrap() == committed, "run `make openapi` and commit api/openapi.json");
    }
}
