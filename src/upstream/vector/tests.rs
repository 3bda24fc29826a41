//! What `vector` promises, as tests.

use serde_json::json;

use super::*;

fn settings(value: &Value) -> Settings {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn query(written: &Value) -> Query {
    Query::read(written, &Settings::default()).unwrap()
}

#[test]
fn each_store_is_asked_in_its_own_words() {
    let by_vector = json!({ "vector": [0.5, 1.0], "limit": 2, "filter": { "lang": "en" } });
    let by_text = json!({ "text": "say \"hi\" } {" });
    for (store, with, written, path, body) in [
        (
            HttpStore::Qdrant,
            json!({ "collection": "docs", "vector": "title" }),
            &by_vector,
            "collections/docs/points/query",
            json!({ "query": [0.5, 1.0], "limit": 2, "with_payload": true, "using": "title",
                    "filter": { "must": [{ "key": "lang", "match": { "value": "en" } }] } }),
        ),
        (
            HttpStore::Pinecone,
            json!({ "namespace": "n" }),
            &by_vector,
            "query",
            json!({ "vector": [0.5, 1.0], "topK": 2, "includeMetadata": true, "namespace": "n", "filter": { "lang": "en" } }),
        ),
        (
            HttpStore::Pinecone,
            json!({}),
            &by_text,
            "records/namespaces/__default__/search",
            json!({ "query": { "inputs": { "text": "say \"hi\" } {" }, "top_k": 5 } }),
        ),
        (
            HttpStore::Weaviate,
            json!({ "class": "Doc", "properties": ["author"] }),
            &by_vector,
            "v1/graphql",
            json!({ "query": "{ Get { Doc(limit: 2, nearVector: {vector: [0.5,1.0]}, where: {path: [\"lang\"], operator: Equal, valueText: \"en\"}) { text author _additional { id distance } } } }" }),
        ),
        (
            HttpStore::Weaviate,
            json!({ "class": "Doc", "text_field": "body" }),
            &by_text,
            "v1/graphql",
            json!({ "query": "{ Get { Doc(limit: 5, nearText: {concepts: [\"say \\\"hi\\\" } {\"]}) { body _additional { id distance } } } }" }),
        ),
    ] {
        let asked = store.request(&settings(&with), &query(written)).unwrap();
        assert_eq!((asked.path.as_str(), &asked.body), (path, &body), "{store:?}");
    }
}

#[test]
fn filters_of_a_stores_own_pass_as_they_are() {
    let own = json!({ "should": [{ "key": "a", "range": { "gt": 1 } }] });
    let asked = json!({ "vector": [1], "filter": own });
    let qdrant = HttpStore::Qdrant.request(&settings(&json!({ "collection": "c" })), &query(&asked)).unwrap();
    assert_eq!(qdrant.body["filter"], own);
    let own = json!({ "operator": "Or", "operands": [{ "path": ["a"], "operator": "GreaterThan", "valueInt": 1 }] });
    let asked = json!({ "vector": [1], "filter": own });
    let weaviate = HttpStore::Weaviate.request(&settings(&json!({ "class": "C" })), &query(&asked)).unwrap();
    let text = weaviate.body["query"].as_str().unwrap();
    assert!(
        text.contains(
            "where: {operator: Or, operands: [{path: [\"a\"], operator: GreaterThan, valueInt: 1}]}"
        ),
        "{text}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_it_is_sent() {
    let none = Settings::default();
    for (store, with, written) in [
        (HttpStore::Qdrant, json!({ "collection": "c" }), json!({ "text": "no vector" })),
        (HttpStore::Qdrant, json!({ "collection": "a/../b" }), json!({ "vector": [1] })),
        (HttpStore::Weaviate, json!({ "class": "C) { x } }" }), json!({ "vector": [1] })),
        (HttpStore::Weaviate, json!({ "class": "C", "properties": ["a b"] }), json!({ "vector": [1] })),
        (HttpStore::Weaviate, json!({ "class": "C" }), json!({ "vector": [1], "filter": { "a": [1] } })),
        (
            HttpStore::Weaviate,
            json!({ "class": "C" }),
            json!({ "vector": [1], "filter": { "operator": "And} }" } }),
        ),
        (HttpStore::Pinecone, json!({}), json!({ "vector": [1], "filter": 3 })),
        (HttpStore::Pinecone, json!({}), json!({})),
    ] {
        let asked = Query::read(&written, &none).unwrap();
        assert!(store.request(&settings(&with), &asked).is_err(), "{store:?} {with} {written}");
    }
    for written in
        [json!({ "vector": [] }), json!({ "vector": ["a"] }), json!({ "limit": 0 }), json!({ "limit": 1000 })]
    {
        assert!(Query::read(&written, &none).is_err(), "{written}");
    }
}

#[test]
fn answers_become_passages() {
    let none = Settings::default();
    let check = |store: HttpStore, with: &Settings, body: &Value, expected: &[(&str, &str, f64)]| {
        let found = store.response(with, 200, body.to_string().as_bytes()).unwrap();
        let seen: Vec<_> = found.iter().map(|p| (p.id.as_str(), p.text.as_str(), p.score)).collect();
        assert_eq!(seen, expected, "{store:?}");
        found
    };
    let points = json!({ "result": { "points": [{ "id": 7, "score": 0.5, "payload": { "text": "a", "page": 3 } }] }, "status": "ok" });
    let found = check(HttpStore::Qdrant, &none, &points, &[("7", "a", 0.5)]);
    assert_eq!(found[0].fields["page"], 3);
    let hit =
        json!({ "matches": [{ "id": "x", "score": 0.25, "metadata": { "body": "b" } }], "namespace": "" });
    check(HttpStore::Pinecone, &settings(&json!({ "text_field": "body" })), &hit, &[("x", "b", 0.25)]);
    let hits =
        json!({ "result": { "hits": [{ "_id": "y", "_score": 0.75, "fields": { "chunk_text": "c" } }] } });
    check(HttpStore::Pinecone, &none, &hits, &[("y", "c", 0.75)]);
    let graph = json!({ "data": { "Get": { "Doc": [{ "text": "d", "_additional": { "id": "z", "distance": 0.25 } }] } } });
    check(HttpStore::Weaviate, &none, &graph, &[("z", "d", 0.75)]);
}

#[test]
fn refusals_are_told_in_the_stores_words() {
    let none = Settings::default();
    for (store, status, body, said) in [
        (
            HttpStore::Qdrant,
            404,
            r#"{"status":{"error":"Not found: Collection `x` doesn't exist!"},"time":0.1}"#,
            "doesn't exist",
        ),
        (
            HttpStore::Pinecone,
            401,
            r#"{"error":{"code":"UNAUTHENTICATED","message":"Invalid API Key"}}"#,
            "Invalid API Key",
        ),
        (
            HttpStore::Weaviate,
            200,
            r#"{"errors":[{"message":"Cannot query field"}],"data":{}}"#,
            "Cannot query field",
        ),
        (HttpStore::Qdrant, 502, "<html>", "502"),
        (HttpStore::Qdrant, 200, "{}", "something else"),
    ] {
        let error = store.response(&none, status, body.as_bytes()).unwrap_err();
        assert!(error.message.contains(said), "{}", error.message);
    }
}

/// Recorded answers, read in place where they are.
#[test]
#[expect(clippy::disallowed_methods, reason = "the recordings' place comes from whoever runs the tests")]
fn recorded_answers_are_read() {
    let place = std::env::var("POINTSMAN_SHARED")
        .unwrap_or_else(|_| format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let read = |store: &str, part: &str| {
        let folder = std::fs::read_dir(format!("{place}/traffic/{store}")).ok()?;
        let case = folder.flatten().find(|case| case.file_name().to_string_lossy().contains(part))?;
        std::fs::read(case.path().join("response.json")).ok()
    };
    let (Some(points), Some(articles)) = (read("qdrant", "points"), read("weaviate", "query-raw-5")) else {
        eprintln!("skipped: {place}/traffic is not there");
        return;
    };
    let found = HttpStore::Qdrant.response(&Settings::default(), 200, &points).unwrap();
    assert_eq!((found.len(), found[0].id.as_str(), found[0].score), (5, "4", 1.362));
    let found = HttpStore::Weaviate.response(&Settings::default(), 200, &articles).unwrap();
    assert_eq!((found.len(), found[0].text.as_str()), (2, "As king, he ruled..."));
    assert_eq!(found[0].fields["author"], "Ludwig");
}
