//! The OpenAPI document: made from the routes, committed as `api/openapi.json`, shown at `/docs`.

use domain::Access;
use salvo::{
    http::Method,
    oapi::{
        BasicType, Header, Info, Object, OpenApi, Operation, PathItemType, RefOr, SecurityRequirement, SecurityScheme,
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
            name_headers(operation);
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
        Access::Open | Access::Probe | Access::Hook | Access::Link => (),
        Access::Tenant(scope) => {
            require("session", &[]);
            require("api_key", &[scope.as_str()]);
        }
        Access::Person => require("session", &[]),
        Access::Staff(role) => require("staff", &[role.as_str()]),
        Access::Operator => require("operator", &[]),
    }
}

/// Says in the document what headers every answer has, and those that ask to wait may have.
fn name_headers(operation: &mut Operation) {
    for (status, response) in operation.responses.iter_mut() {
        let RefOr::Type(response) = response else { continue };
        let id = Header::default().description("Names this request in our logs.").required(true);
        response.headers.insert("x-request-id".to_owned(), id);
        if matches!(status.as_str(), "429" | "503") {
            let seconds = Header::new(Object::with_type(BasicType::Integer).minimum(0));
            let wait = seconds.description("Seconds until trying again makes sense.").required(false);
            response.headers.insert("retry-after".to_owned(), wait);
        }
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
    use serde_json::Value;

    use super::*;

    /// Every operation with its method and path.
    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
            })
            .collect()
    }

    #[test]
    fn the_committed_document_is_that_of_the_routes() {
        let committed = include_str!("../openapi.json");
        assert!(document_text().unwrap() == committed, "run `make openapi` and commit api/openapi.json");
    }
    #[test]
    fn every_operation_says_exactly_what_it_answers() {
        let document: Value = serde_json::from_str(&document_text().unwrap()).unwrap();
        let mut wrong = Vec::new();
        for (name, operation) in operations(&document) {
            let responses = operation["responses"].as_object().unwrap();
            let good: Vec<&String> = responses.keys().filter(|status| status.starts_with('2')).collect();
            if good.is_empty() || good.len() > 2 {
                wrong.push(format!("{name}: good answers {good:?}"));
            }
            for (status, response) in responses {
                let (kinds, problem) = (response["content"].as_object(), "application/problem+json");
                let fits = match status.as_str() {
                    "204" => kinds.is_none(),
                    // The same body as 200, which says what is away.
                    "503" if name.ends_with(" /health/ready") => kinds.is_some(),
                    status if status.starts_with('2') => kinds.is_some_and(|kinds| !kinds.contains_key(problem)),
                    // A person's browser is answered with a page.
                    status if status.starts_with(['4', '5']) => {
                        kinds.is_some_and(|kinds| kinds.contains_key(problem) || kinds.contains_key("text/html"))
                    }
                    _ => false,
                };
                if !fits {
                    wrong.push(format!("{name}: {status} {}", response["content"]));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_part_of_a_path_is_a_parameter_of_its_operation() {
        let document: Value = serde_json::from_str(&document_text().unwrap()).unwrap();
        for (name, operation) in operations(&document) {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let mut of_path: Vec<&str> =
                parameters.filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str()).collect();
            let mut in_path: Vec<&str> =
                name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            of_path.sort_unstable();
            in_path.sort_unstable();
            assert_eq!(of_path, in_path, "{name}");
        }
    }
}
