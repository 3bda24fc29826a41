//! The dialect as its documentation shows it.

use serde_json::{Value, json};

use super::COMPLETIONS;
use crate::dialect::{Inbound, Outbound, PathFacts, Quirks, Target};
use crate::ir::{Dialect, Message, Request, Role};

fn encoded(request: &Request) -> (Value, Vec<String>) {
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let wire = COMPLETIONS.encode_request(request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

#[test]
fn prompts_of_every_form_come_back() {
    for prompt in [json!("Once"), json!(["Once"]), json!(["a", "b"]), json!([1, 2]), json!([[1], [2]])] {
        let body = json!({ "model": "m", "prompt": prompt, "echo": true, "stop": ["."] });
        let request = COMPLETIONS.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap();
        assert_eq!(encoded(&request), (body, Vec::new()));
    }
}

#[test]
fn a_conversation_becomes_a_transcript() {
    let mut request = Request::new(Dialect::OpenAiChat, "m");
    for (role, text) in
        [(Role::System, "Be brief."), (Role::User, "Hi"), (Role::Assistant, "Hello"), (Role::User, "Bye")]
    {
        request.messages.push(Message::text(role, text).into());
    }
    let expected = "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:";
    assert_eq!(encoded(&request).0["prompt"], expected);
}
