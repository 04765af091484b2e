use super::*;

/// A plan that allows everything.
pub(crate) fn boundless(position: i32) -> Plan {
    Plan {
        id: PlanId::FREE,
        code: format!("plan{position}"),
        name: format!("Plan {position}"),
        position,
        is_public: true,
        limits: Limits::default(),
        features: Features::ALL,
        priority_key: 4,
        fairness_weight: 1.0,
    }
}

/// A tenant of `plan` without exceptions.
pub(crate) fn tenant(plan: Plan) -> Tenancy {
    Tenancy {
        suspended: false,
        plan,
        plan_expires_at: None,
        plan_reason: None,
        exception: Exception::default(),
        exception_expires_at: None,
    }
}

#[test]
fn what_a_plan_may_hold_is_checked() {
    let plan = boundless(1);
    assert_eq!(plan.validate(), Ok(()));
    for code in ["", "1st", "Pro", "a b", "ä", &"a".repeat(33)] {
        assert_eq!(Plan { code: code.to_owned(), ..plan.clone() }.validate(), Err(PlanError::Code), "{code}");
    }
    assert_eq!(Plan { name: " ".into(), ..plan.clone() }.validate(), Err(PlanError::Name));
    for priority_key in [0, 6] {
        assert_eq!(Plan { priority_key, ..plan.clone() }.validate(), Err(PlanError::Priority));
    }
    for fairness_weight in [0.0, -1.0, 1_001.0, f32::NAN] {
        assert_eq!(Plan { fairness_weight, ..plan.clone() }.validate(), Err(PlanError::Weight));
    }
    let limits = Limits { messages_per_day: Some(0), ..Limits::default() };
    assert_eq!(Plan { limits, ..plan }.validate(), Err(PlanError::Rate));
}

#[test]
fn an_exception_holds_where_it_says_something_and_the_plan_elsewhere() {
    let limits = Limits { pairs_max: Some(3), messages_per_minute: Some(20), ..Limits::default() };
    let plan = Plan { limits, features: Features { reports: false, ..Features::ALL }, ..boundless(1) };
    let exception = Exception {
        limits: Limits { pairs_max: Some(9), media_bytes_max: Some(5), ..Limits::default() },
        reports: Some(true),
        filters: Some(false),
        ..Exception::default()
    };
    let terms = plan.terms(&exception);
    assert_eq!(
        terms.limits,
        Limits { pairs_max: Some(9), messages_per_minute: Some(20), media_bytes_max: Some(5), ..Limits::default() }
    );
    assert_eq!(terms.features, Features { filters: false, ..Features::ALL });
}

#[test]
fn without_assumed_limits_only_exceptions_hold_messages_back() {
    let limits = Limits { messages_per_minute: Some(20), messages_per_day: Some(1_000), ..Limits::default() };
    let mut tenancy = tenant(Plan { limits, ..boundless(1) });
    tenancy.exception.limits.messages_per_minute = Some(3);
    assert_eq!(tenancy.allowance(Mode::Standard), Allowance { per_minute: Some(3), per_day: Some(1_000) });
    assert_eq!(tenancy.allowance(Mode::Open), Allowance { per_minute: Some(3), per_day: None });
}

#[test]
fn the_names_of_limits_and_features_are_all_different() {
    let mut names: Vec<&str> = Limit::ALL.into_iter().map(Limit::as_str).collect();
    names.extend(Feature::ALL.into_iter().map(Feature::as_str));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Limit::ALL.len() + Feature::ALL.len());
}
