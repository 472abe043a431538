//! Judges a call as IAM does: a statement that denies wins, one that allows is needed, and each says which actions on which
//! resources under which conditions. What is not known here is an error, so that nothing is taken for allowed or refused that
//! was not understood.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wildmatch::WildMatch;

use super::identity::list;

/// A call that somebody makes.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Such as `sqs:CreateQueue`.
    pub(super) action: String,
    /// The ARN that it is asked about, or `*` where AWS knows none.
    pub(super) resource: String,
    /// What conditions may ask for, by key.
    pub(super) context: BTreeMap<String, String>,
}

/// Whether these statements together let a call through.
///
/// # Errors
///
/// When a statement has something in it that is not known here.
pub(super) fn allows(statements: &[Value], call: &Call) -> Result<bool> {
    let mut is_allowed = false;
    for statement in statements {
        if !matches(statement, call).with_context(|| format!("in the statement {}", statement["Sid"]))? {
            continue;
        }
        match statement["Effect"].as_str() {
            Some("Allow") => is_allowed = true,
            Some("Deny") => return Ok(false),
            other => bail!("{other:?} is no effect"),
        }
    }
    Ok(is_allowed)
}

fn matches(statement: &Value, call: &Call) -> Result<bool> {
    for unknown in ["NotAction", "NotResource", "Principal"] {
        if !statement[unknown].is_null() {
            bail!("{unknown} is not known");
        }
    }
    let named = |element: &str, name: &str| {
        let patterns = list(&statement[element]).into_iter().filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| is_like(name, pattern))
    };
    let has_action = {
        let action = call.action.to_lowercase();
        let patterns = list(&statement["Action"]).into_iter().filter_map(Value::as_str);
        patterns
            .into_iter()
            .any(|pattern| is_like(&action, &pattern.to_lowercase()))
    };
    if !has_action || !named("Resource", &call.resource) {
        return Ok(false);
    }
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    for (operator, keys) in conditions {
        for (key, values) in keys.as_object().into_iter().flatten() {
            if !holds(operator, call.context.get(key).map(String::as_str), values)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether one condition holds for what the call has under its key, if anything.
fn holds(operator: &str, given: Option<&str>, values: &Value) -> Result<bool> {
    let values: Vec<&str> = list(values).into_iter().filter_map(Value::as_str).collect();
    if operator == "Null" {
        return Ok(values == [if given.is_none() { "true" } else { "false" }]);
    }
    let (operator, if_exists) = operator
        .strip_suffix("IfExists")
        .map_or((operator, false), |operator| (operator, true));
    let is_equal = |given: &str| match operator {
        "StringEquals" => Ok(values.contains(&given)),
        "StringLike" | "ArnLike" | "ArnEquals" => Ok(values.iter().any(|value| is_like(given, value))),
        unknown => bail!("the operator {unknown} is not known"),
    };
    given.map_or_else(|| is_equal("").map(|_| if_exists), is_equal)
}

/// Whether a text is as a pattern has it, in which `*` stands for anything and `?` for a character.
fn is_like(text: &str, pattern: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(action: &str, resource: &str, context: &[(&str, &str)]) -> Call {
        Call {
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: context
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_pattern_takes_what_it_says_and_no_more() {
        for (text, pattern, is) in [
            ("sqs:CreateQueue", "sqs:*", true),
            ("sqs:CreateQueue", "sqs:Create*", true),
            ("sqs:CreateQueue", "sqs:Create", false),
            ("log-group:/tandem-prod/flow", "log-group:*tandem-prod*", true),
            ("abcbd", "a*b?", true),
            ("abcb", "a*b?", false),
            ("*", "*", true),
            ("*", "arn:*", false),
            ("", "*", true),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
    }

    #[test]
    fn a_denial_wins_and_nothing_is_allowed_by_itself() {
        let allow = json!({"Effect": "Allow", "Action": ["sqs:*"], "Resource": "arn:a"});
        let deny = json!({"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"});
        let send = call("sqs:SendMessage", "arn:a", &[]);
        assert!(allows(std::slice::from_ref(&allow), &send).unwrap());
        assert!(!allows(&[allow.clone(), deny.clone()], &send).unwrap());
        assert!(!allows(&[], &send).unwrap());
        let other = call("SQS:createqueue", "arn:a", &[]);
        assert!(allows(&[deny, allow.clone()], &other).unwrap());
        assert!(!allows(&[allow], &call("sqs:CreateQueue", "arn:b", &[])).unwrap());
    }

    #[test]
    fn conditions_hold_all_of_them_or_not_at_all() {
        let verdict = |condition: Value, context: &[(&str, &str)]| {
            let statement =
                json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": condition});
            allows(&[statement], &call("a:B", "x", context))
        };
        let both = json!({"StringEquals": {"k": ["1", "2"]}, "Null": {"l": "true"}});
        assert!(verdict(both.clone(), &[("k", "2")]).unwrap());
        assert!(!verdict(both.clone(), &[("k", "3")]).unwrap());
        assert!(!verdict(both.clone(), &[]).unwrap());
        assert!(!verdict(both, &[("k", "1"), ("l", "x")]).unwrap());
        let lax = json!({"StringEqualsIfExists": {"k": "1"}});
        assert!(verdict(lax.clone(), &[]).unwrap());
        assert!(!verdict(lax, &[("k", "2")]).unwrap());
        assert!(verdict(json!({"ArnLike": {"k": "arn:*:x"}}), &[("k", "arn:1:x")]).unwrap());
        for unknown in [
            json!({"StringNotEquals": {"k": "1"}}),
            json!({"DateLessThan": {"k": "1"}}),
        ] {
            verdict(unknown.clone(), &[("k", "1")]).unwrap_err();
            verdict(unknown, &[]).unwrap_err();
        }
    }

    #[test]
    fn what_is_not_understood_is_no_verdict() {
        let statement = json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"});
        allows(&[statement], &call("a:B", "x", &[])).unwrap_err();
    }
}
