//! The message that is open: its words, sources and log probabilities.

use serde_json::{Value, json};

use super::super::spoken::Spoken;
use super::{Encoder, Open, put};
use crate::ir::{Citation, Logprobs};

impl Encoder {
    /// Closes the message that was open.
    pub(super) fn close_message(&mut self, spoken: Spoken, out: &mut Vec<u8>) {
        self.said = spoken.end();
        let (index, (kind, _)) = (spoken.index, spoken.names());
        let id = self.item_id(index);
        let at = json!({ "item_id": id, "output_index": index, "content_index": 0 });
        let (fields, part) = spoken.done();
        let mut done = at.clone();
        put(&mut done, fields);
        self.send(&format!("response.{kind}.done"), done, out);
        let mut closed = at;
        put(&mut closed, json!({ "part": part }));
        self.send("response.content_part.done", closed, out);
        let item = json!({
            "type": "message", "id": id, "status": "completed", "role": "assistant", "content": [part],
        });
        self.complete(index, item, out);
    }

    /// More words of the answer, or of a refusal.
    pub(super) fn say(&mut self, refuses: bool, piece: &str, out: &mut Vec<u8>) {
        if !matches!(&self.open, Some(Open::Message(spoken)) if spoken.refusal == refuses) {
            self.open_message(refuses, out);
        }
        if let Some(Open::Message(spoken)) = &mut self.open {
            spoken.say(piece);
        }
        self.delta(piece, json!([]), out);
    }

    fn open_message(&mut self, refuses: bool, out: &mut Vec<u8>) {
        self.close(out);
        let id = self.id("msg");
        let item = json!({
            "type": "message", "id": id, "status": "in_progress", "role": "assistant", "content": [],
        });
        let index = self.add(item, out);
        let (_, part) = Spoken::new(index, refuses, 0).done();
        let added = json!({ "item_id": id, "output_index": index, "content_index": 0, "part": part });
        self.send("response.content_part.added", added, out);
        self.open = Some(Open::Message(Spoken::new(index, refuses, self.said)));
    }

    /// Sends words of the open message, with their log probabilities.
    fn delta(&mut self, piece: &str, logprobs: Value, out: &mut Vec<u8>) {
        let Some(Open::Message(spoken)) = &self.open else { return };
        let (index, (kind, _), refuses) = (spoken.index, spoken.names(), spoken.refusal);
        let mut delta = json!({ "item_id": self.item_id(index), "output_index": index, "content_index": 0, "delta": piece });
        if !refuses {
            put(&mut delta, json!({ "logprobs": logprobs }));
        }
        self.send(&format!("response.{kind}.delta"), delta, out);
    }

    /// Names a source of the open message's words.
    pub(super) fn cite(&mut self, cited: &Citation, out: &mut Vec<u8>) {
        let Some(Open::Message(spoken)) = &mut self.open else { return };
        let index = spoken.index;
        let Some((number, annotation)) = spoken.cite(cited) else { return };
        let added = json!({
            "item_id": self.item_id(index), "output_index": index, "content_index": 0,
            "annotation_index": number, "annotation": annotation,
        });
        self.send("response.output_text.annotation.added", added, out);
    }

    /// Log probabilities of words that are told already.
    pub(super) fn weigh(&mut self, logprobs: &Logprobs, out: &mut Vec<u8>) {
        let Some(Open::Message(spoken)) = &mut self.open else { return };
        if let Some(list) = spoken.weigh(logprobs) {
            self.delta("", list, out);
        }
    }
}
