//! Pages of lists: how long one is, and where the next one begins.

use std::str::FromStr;

use salvo::prelude::*;

use crate::error::ApiError;

/// Entries on one page unless asked for otherwise.
const PAGE_DEFAULT: i64 = 50;
/// The longest page.
const PAGE_MAX: i64 = 200;
/// What is said of a page of another length.
pub(crate) const LIMIT_DETAIL: &str = "`limit` is a number from 1 to 200";

/// The part of the query named `field`, if it is there; `detail` says what is wrong when it is no `T`.
pub(crate) fn asked<T: FromStr>(
    req: &Request,
    field: &'static str,
    detail: &'static str,
) -> Result<Option<T>, ApiError> {
    let text: Option<String> = req.query(field);
    text.map(|text| text.parse().map_err(|_| ApiError::Query { field, detail })).transpose()
}

/// Where the page begins, by the `next` of the page before.
pub(crate) fn before<T: FromStr>(req: &Request) -> Result<Option<T>, ApiError> {
    asked(req, "before", "`before` is the `next` of the page before")
}

/// How many entries a page has, by `limit` of the query.
pub(crate) fn size(req: &Request) -> Result<i64, ApiError> {
    bounded(asked(req, "limit", LIMIT_DETAIL)?)
}

/// How many entries a page has of which so many are asked for.
pub(crate) fn bounded(limit: Option<i64>) -> Result<i64, ApiError> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(ApiError::Query { field: "limit", detail: LIMIT_DETAIL }),
    }
}

/// Cuts what was read with one entry more than a page has, and says where the next one begins.
pub(crate) fn cut<T, K>(mut rows: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> (Vec<T>, Option<K>) {
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > page;
    rows.truncate(page);
    let next = rows.last().filter(|_| more).map(key);
    (rows, next)
}

/// A request with this query.
#[cfg(test)]
pub(crate) fn query(query: &[(&str, &str)]) -> Request {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let mut req = Request::default();
    *req.uri_mut() = format!("/?{query}").parse().expect("an address");
    req
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_number_in_the_query_is_one_or_refused(text in "[-+0-9]{0,22}|.{0,12}") {
            let found = asked::<i64>(&query(&[("limit", &text)]), "limit", "a number");
            match text.parse::<i64>() {
                Ok(number) => prop_assert_eq!(found.unwrap(), Some(number)),
                Err(_) => {
                    let refused = matches!(found, Err(ApiError::Query { field: "limit", .. }));
                    prop_assert!(refused);
                }
            }
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_there() {
        assert!(asked::<i64>(&query(&[]), "limit", "a number").unwrap().is_none());
    }

    #[test]
    fn a_page_has_1_to_200_entries() {
        for (limit, size) in [("1", Some(1)), ("200", Some(200)), ("0", None), ("201", None), ("-1", None), ("", None)]
        {
            assert_eq!(super::size(&query(&[("limit", limit)])).ok(), size, "{limit}");
        }
        assert_eq!(size(&query(&[])).unwrap(), 50);
    }

    #[test]
    fn a_page_is_cut_where_the_next_one_begins() {
        assert_eq!(cut(vec![5, 4, 3], 2, |row| *row), (vec![5, 4], Some(4)));
        assert_eq!(cut(vec![5, 4], 2, |row| *row), (vec![5, 4], None));
        assert_eq!(cut(Vec::<i32>::new(), 2, |row| *row), (vec![], None));
    }
}
