//! Each way to break a client of the api is found, and what breaks none is not, by the tool that looks at the
//! description.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask::interrupt::Interrupts;
use xtask::openapi::Description;

/// A change of one route, and whether it breaks a client.
struct Case {
    name: &'static str,
    change: fn(&mut Value),
    breaks: bool,
}

const fn broken(name: &'static str, change: fn(&mut Value)) -> Case {
    Case {
        name,
        change,
        breaks: true,
    }
}

const fn fine(name: &'static str, change: fn(&mut Value)) -> Case {
    Case {
        name,
        change,
        breaks: false,
    }
}

const CASES: &[Case] = &[
    broken("route-removed", |item| *item = Value::Null),
    broken("method-removed", |item| remove(item, "", "post")),
    broken("answer-removed", |item| remove(item, "/post/responses", "200")),
    broken("header-removed", |item| {
        remove(item, "/post/responses/200/headers", "X")
    }),
    broken("media-type-of-answer-removed", |item| {
        remove(item, "/post/responses/200/content", "application/json")
    }),
    broken("field-of-answer-removed", |item| {
        remove(item, &sent_back("properties"), "id")
    }),
    broken("field-of-answer-no-longer-always-there", |item| {
        set(item, &sent_back("required"), json!([]))
    }),
    broken("field-of-answer-may-be-null", |item| {
        set(item, &sent_back("properties/id/type"), json!(["string", "null"]))
    }),
    broken("field-of-answer-of-another-type", |item| {
        set(item, &sent_back("properties/id/type"), json!("integer"))
    }),
    broken("field-of-answer-has-new-values", |item| {
        set(item, &sent_back("properties/e/enum"), json!(["a", "b", "c"]))
    }),
    broken("parameter-removed", |item| {
        set(item, "/post/parameters", json!([]))
    }),
    broken("parameter-became-required", |item| {
        set(item, "/post/parameters/0/required", json!(true))
    }),
    broken("parameter-has-fewer-values", |item| {
        set(item, "/post/parameters/0/schema/enum", json!(["a"]))
    }),
    broken("required-parameter-added", |item| {
        push(
            item,
            json!({ "name": "new", "in": "query", "required": true, "schema": {} }),
        )
    }),
    broken("media-type-of-body-removed", |item| {
        remove(item, "/post/requestBody/content", "application/json")
    }),
    broken("field-removed", |item| remove(item, &asked("properties"), "n")),
    broken("field-became-required", |item| {
        set(item, &asked("required"), json!(["k", "n"]))
    }),
    broken("field-may-not-be-null-any-more", |item| {
        set(item, &asked("properties/n/type"), json!("integer"))
    }),
    broken("field-of-another-type", |item| {
        set(item, &asked("properties/k/type"), json!("integer"))
    }),
    broken("field-may-be-less-long", |item| {
        set(item, &asked("properties/k/maxLength"), json!(4))
    }),
    broken("field-has-a-pattern", |item| {
        set(item, &asked("properties/k/pattern"), json!("^a"))
    }),
    broken("field-has-a-higher-minimum", |item| {
        set(item, &asked("properties/n/minimum"), json!(2))
    }),
    broken("field-has-fewer-values", |item| {
        set(item, &asked("properties/e/enum"), json!(["a"]))
    }),
    broken("unknown-fields-refused", |item| {
        set(item, &asked("additionalProperties"), json!(false))
    }),
    broken("key-needed", |item| {
        set(item, "/post/security", json!([{ "key": [] }]))
    }),
    fine("nothing", |_| {}),
    fine("text-changed", |item| {
        set(item, "/post/description", json!("Another."))
    }),
    fine("answer-added", |item| {
        set(
            item,
            "/post/responses/404",
            json!({ "description": "It is not there." }),
        )
    }),
    fine("field-of-answer-added", |item| {
        set(item, &sent_back("properties/new"), json!({ "type": "string" }))
    }),
    fine("parameter-added", |item| {
        push(item, json!({ "name": "new", "in": "query", "schema": {} }))
    }),
    fine("field-added", |item| {
        set(item, &asked("properties/new"), json!({ "type": "string" }))
    }),
    fine("field-may-be-longer", |item| {
        set(item, &asked("properties/k/maxLength"), json!(6))
    }),
    fine("field-has-more-values", |item| {
        set(item, &asked("properties/e/enum"), json!(["a", "b", "c"]))
    }),
    fine("method-added", |item| {
        set(
            item,
            "/get",
            json!({ "responses": { "200": { "description": "It is." } } }),
        )
    }),
];

fn asked(place: &str) -> String {
    format!("/post/requestBody/content/application~1json/schema/{place}")
}

fn sent_back(place: &str) -> String {
    format!("/post/responses/200/content/application~1json/schema/{place}")
}

fn set(item: &mut Value, place: &str, value: Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match item.pointer_mut(parent).unwrap() {
        Value::Array(entries) => entries[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
}

fn remove(item: &mut Value, parent: &str, name: &str) {
    let parent = item.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.remove(name).is_some());
}

fn push(item: &mut Value, parameter: Value) {
    item["post"]["parameters"].as_array_mut().unwrap().push(parameter);
}

fn route() -> Value {
    json!({ "post": {
        "parameters": [{ "name": "q", "in": "query", "schema": { "type": "string", "enum": ["a", "b"] } }],
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["k"],
            "properties": {
                "k": { "type": "string", "maxLength": 5 },
                "n": { "type": ["integer", "null"], "minimum": 1 },
                "e": { "type": "string", "enum": ["a", "b"] },
            },
        } } } },
        "responses": { "200": {
            "description": "It is done.",
            "headers": { "X": { "schema": { "type": "string" } } },
            "content": { "application/json": { "schema": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": { "type": "string" },
                    "e": { "type": "string", "enum": ["a", "b"] },
                },
            } } },
        } },
    } })
}

/// A description in which each case has a route of its own, so that the tool has to be run once only.
fn document(item: impl Fn(&Case) -> Value) -> Value {
    let paths = CASES.iter().map(|case| (format!("/{}", case.name), item(case)));
    let paths = paths
        .filter(|(_, item)| !item.is_null())
        .collect::<serde_json::Map<_, _>>();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Cases", "version": "1" },
        "components": { "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X" } } },
        "paths": paths,
    })
}

#[test]
fn what_breaks_a_client_is_told_from_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, document: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, document.to_string()).unwrap();
        path
    };
    let base = write("base.json", &document(|_| route()));
    let changed = document(|case| {
        let mut item = route();
        (case.change)(&mut item);
        item
    });
    let interrupts = Interrupts::catch().unwrap();
    let description = Description {
        root: xtask::root(),
        interrupts: &interrupts,
    };
    let found = description
        .breaks(&base, &write("changed.json", &changed))
        .unwrap();
    let of_case = |place: &str| {
        let name = place.strip_prefix("#/paths/~1").unwrap();
        name.split('/').next().unwrap().to_owned()
    };
    let found: BTreeSet<String> = found.iter().map(|found| of_case(&found.place)).collect();
    let wanted = CASES.iter().filter(|case| case.breaks);
    let wanted: BTreeSet<String> = wanted.map(|case| case.name.to_owned()).collect();
    assert_eq!(found, wanted);
}
