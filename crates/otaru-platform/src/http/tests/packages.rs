//! Packages and campaigns, as operators order them.

use axum::http::Method;
use serde_json::{Value, json};

use super::api::Operators;

#[tokio::test]
async fn a_package_needs_files_and_only_ones_that_are_here() {
    let operators = Operators::new().await;
    operators.post("/products", json!({"product_key": "a1", "dialect": "aliyun"})).await;
    let package = |files: Value| json!({"product_key": "a1", "version": "2.0.0", "files": files});
    Operators::refused(operators.post("/packages", package(json!([]))).await, (400, "bad_package"));
    let unknown = json!([{"sha256": "ab".repeat(32), "name": "a.bin"}]);
    Operators::refused(operators.post("/packages", package(unknown)).await, (404, "not_found"));
    let short = json!([{"sha256": "abcd", "name": "a.bin"}]);
    Operators::refused(operators.post("/packages", package(short)).await, (400, "bad_digest"));
    assert_eq!(operators.get("/packages").await.1["packages"], json!([]));
}

#[tokio::test]
async fn a_package_is_for_one_product_or_for_several_and_never_for_both_fields() {
    let operators = Operators::new().await;
    for (product_key, dialect) in [("a1", "aliyun"), ("b2", "jd")] {
        operators.post("/products", json!({"product_key": product_key, "dialect": dialect})).await;
    }
    let sha256 = operators.upload(b"123456789").await;
    let file = |name: &str| json!({"sha256": sha256, "name": name});
    let order = |more: Value, files: Value| {
        let mut order = json!({"version": "2.0.0", "files": files});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    for (products, code) in [
        (json!({}), "bad_package"),
        (json!({"product_key": "a1", "product_keys": ["b2"]}), "bad_package"),
        (json!({"product_keys": []}), "bad_json"),
        (json!({"product_keys": ["a1", "a1"]}), "bad_json"),
    ] {
        let answer = operators.post("/packages", order(products, json!([file("a")]))).await;
        Operators::refused(answer, (400, code));
    }
    let both = json!({"product_keys": ["b2", "a1"]});
    let two_files = operators.post("/packages", order(both.clone(), json!([file("a"), file("b")]))).await;
    assert!(
        two_files.1["error"]["message"].as_str().unwrap().contains("product b2 speaks jd"),
        "{}",
        two_files.1
    );
    Operators::refused(two_files, (400, "bad_package"));
    assert_eq!(operators.post("/packages", order(both, json!([file("a")]))).await.0, 201);
    for filter in ["", "?product_key=a1", "?product_key=b2"] {
        let listed = operators.get(&format!("/packages{filter}")).await.1;
        let package = &listed["packages"][0];
        assert_eq!((&package["product_key"], &package["product_keys"]), (&json!("b2"), &json!(["b2", "a1"])));
    }
    let made = operators.post("/campaigns", json!({"package_id": 1, "devices": ["d1"]})).await;
    Operators::refused(made, (400, "bad_campaign"));
    let made = operators.post("/campaigns", json!({"package_id": 1, "devices": ["c3/d1"]})).await.1;
    assert_eq!(made["skipped"][0]["product_key"], "c3");
}

#[tokio::test]
async fn a_product_whose_dialect_has_no_registration_refuses_it_and_says_why() {
    let operators = Operators::new().await;
    let any = json!({"devices": "any"});
    for dialect in ["jd", "onenet"] {
        let order = |more: Value| {
            let mut order = json!({"product_key": format!("of-{dialect}"), "dialect": dialect});
            order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            order
        };
        let refused = operators.post("/products", order(json!({"registration": any}))).await;
        assert!(refused.1["error"]["message"].as_str().unwrap().contains(dialect), "{}", refused.1);
        Operators::refused(refused, (400, "no_registration"));
        assert_eq!(
            operators.post("/products", order(json!({"registration": {"devices": "off"}}))).await.0,
            201
        );
        let path = format!("/products/of-{dialect}/registration");
        Operators::refused(
            operators.call(Method::PUT, &path, any.to_string()).await,
            (400, "no_registration"),
        );
    }
    let listed = operators.get("/products").await.1;
    assert!(
        listed["products"]
            .as_array()
            .unwrap()
            .iter()
            .all(|product| product["registration"]["devices"] == "off")
    );
}
