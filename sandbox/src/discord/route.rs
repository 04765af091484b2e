//! Matching a request to one row of a table of routes.

use std::collections::HashMap;

use salvo::http::Method;

use super::{
    call::{Answer, Call},
    error::ApiError,
    server::Sandbox,
};

/// One row: method, path with `:placeholders`, and who answers.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below the prefix, such as `/channels/:channel`.
    pub path: &'static str,
    /// Answers. Runs without waiting for anything but the world's lock.
    pub handler: fn(&Sandbox, &Call) -> Answer,
    /// Answers without a bot token.
    pub open: bool,
}

impl Route {
    /// A row.
    pub const fn new(method: Method, path: &'static str, handler: fn(&Sandbox, &Call) -> Answer) -> Self {
        Self { method, path, handler, open: false }
    }

    /// A row that needs no bot token.
    pub const fn open(method: Method, path: &'static str, handler: fn(&Sandbox, &Call) -> Answer) -> Self {
        Self { method, path, handler, open: true }
    }
}

/// The placeholders of a path with their values.
pub type Params = HashMap<&'static str, String>;

/// The first row that fits.
///
/// # Errors
/// 404 for an unknown path, 405 for a known one with another method.
pub fn find<'a>(table: &'a [Route], method: &Method, path: &str) -> Result<(&'a Route, Params), ApiError> {
    let mut known = false;
    for route in table {
        let Some(params) = placeholders(route.path, path) else { continue };
        if route.method == *method {
            return Ok((route, params));
        }
        known = true;
    }
    Err(if known { ApiError::wrong_method() } else { ApiError::no_route() })
}

fn placeholders(pattern: &'static str, path: &str) -> Option<Params> {
    let mut given = path.trim_end_matches('/').split('/');
    let mut params = Params::new();
    for wanted in pattern.split('/') {
        let segment = given.next()?;
        match wanted.strip_prefix(':') {
            Some(name) if !segment.is_empty() => {
                params.insert(name, segment.to_owned());
            }
            Some(_) => return None,
            None if wanted == segment => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_only_its_own_pattern() {
        let params = placeholders("/channels/:channel/messages/:message", "/channels/5/messages/6/").unwrap();
        assert_eq!((params["channel"].as_str(), params["message"].as_str()), ("5", "6"));
        assert!(placeholders("/channels/:channel", "/channels/5/messages").is_none());
        assert!(placeholders("/channels/:channel/messages", "/channels/5").is_none());
        assert!(placeholders("/channels/:channel", "/channels/").is_none());
    }
}
