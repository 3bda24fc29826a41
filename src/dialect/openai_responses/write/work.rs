//! What another provider did by its own tools, as items that begin and end.

use serde_json::json;

use super::super::work;
use super::{Encoder, put};
use crate::dialect::work::{Outcome, Work};

impl Encoder {
    /// What another provider did by its own tools.
    pub(super) fn work(&mut self, done: &Work, out: &mut Vec<u8>) {
        let known = self.output.iter().rposition(|item| done.call.is_none() && work::is_of(item, done));
        let index = known.unwrap_or_else(|| {
            self.close(out);
            let item = work::begun(done, &self.id("ci"));
            let index = self.add(item, out);
            self.progress(index, work::BEGINS, out);
            index
        });
        if done.outcome.is_some() {
            self.end_work(index, done.outcome.as_ref(), out);
        }
    }

    /// Events that tell how the provider's own tool fares.
    fn progress(&mut self, index: usize, steps: &[&str], out: &mut Vec<u8>) {
        let Some(item) = self.output.get(index).cloned() else { return };
        let at = json!({ "item_id": item.get("id"), "output_index": index });
        for (kind, fields) in work::events(&item, steps) {
            let mut event = at.clone();
            put(&mut event, fields);
            self.send(&kind, event, out);
        }
    }

    fn end_work(&mut self, index: usize, outcome: Option<&Outcome>, out: &mut Vec<u8>) {
        let Some(mut item) = self.output.get(index).cloned() else { return };
        work::end(&mut item, outcome);
        self.progress(index, work::ENDS, out);
        self.complete(index, item, out);
    }

    /// Ends what no outcome was told of.
    pub(super) fn end_all_work(&mut self, out: &mut Vec<u8>) {
        let open = (0..self.output.len()).filter(|index| self.output.get(*index).is_some_and(work::is_open));
        for index in open.collect::<Vec<_>>() {
            self.end_work(index, None, out);
        }
    }
}
