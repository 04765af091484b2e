//! What a route is, and how a table of them becomes a router.

use std::collections::BTreeMap;

use domain::Access;
use salvo::{http::Method, prelude::*};

use crate::door::Door;

/// One line of the table.
pub(crate) struct Route {
    /// The HTTP method.
    pub(crate) method: Method,
    /// Without the leading slash.
    pub(crate) path: &'static str,
    /// What it asks of the caller.
    pub(crate) access: Access,
    /// What answers.
    router: Router,
}

impl Route {
    fn new(method: Method, path: &'static str, access: Access, router: Router) -> Self {
        Self { method, path, access, router }
    }

    /// The same within `hoop`, which also sees those who are turned away.
    pub(crate) fn inside(self, hoop: impl Handler) -> Self {
        Self { router: Router::new().hoop(hoop).push(self.router), ..self }
    }

    /// The path on the wire, as the document names it.
    pub(crate) fn wire_path(&self) -> String {
        format!("/{}", self.path)
    }
}

macro_rules! method {
    ($($name:ident $method:ident),*) => {
        $(pub(crate) fn $name(path: &'static str, access: Access, handler: impl Handler) -> Route {
            Route::new(Method::$method, path, access, Router::new().hoop(Door(access)).$name(handler))
        })*
    };
}

method!(get GET, post POST, patch PATCH, put PUT, delete DELETE, options OPTIONS);

/// The router of all. Routes of one noun share a branch, so that a request is compared with few paths.
pub(crate) fn router(routes: Vec<Route>) -> Router {
    let mut branches: BTreeMap<String, Router> = BTreeMap::new();
    for route in routes {
        let (noun, rest) = split(route.path);
        let leaf = if rest.is_empty() { route.router } else { Router::with_path(rest).push(route.router) };
        let branch = branches.remove(noun).unwrap_or_else(|| Router::with_path(noun));
        branches.insert(noun.to_owned(), branch.push(leaf));
    }
    branches.into_values().fold(Router::new(), Router::push)
}

/// The noun that a path begins with, `api/pairs`, and what follows it.
fn split(path: &'static str) -> (&'static str, &'static str) {
    let after_first = path.find('/').map_or(path.len(), |at| at + 1);
    match path[after_first..].find('/') {
        Some(at) => (&path[..after_first + at], &path[after_first + at + 1..]),
        None => (path, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_path_begins_with_its_noun() {
        assert_eq!(split("metrics"), ("metrics", ""));
        assert_eq!(split("api/pairs"), ("api/pairs", ""));
        assert_eq!(split("api/pairs/{id}/pause"), ("api/pairs", "{id}/pause"));
    }
}
