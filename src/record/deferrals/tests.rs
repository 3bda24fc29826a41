//! What `deferrals` promises, as tests.

use super::*;

fn deferral(number: u64, path: &str) -> Deferral {
    Deferral {
        id: format!("01J{number:04}"),
        group: group(path),
        created_ms: number,
        facts: Facts { key: "k".to_owned(), ..Facts::default() },
        body: "x".repeat(10),
    }
}

fn group(path: &str) -> Group {
    Group { provider: "p".to_owned(), path: path.to_owned(), upstream: "m".to_owned() }
}

fn batch(id: &str) -> Batch {
    Batch { id: id.to_owned(), group: group("chat"), created_ms: 9, remote: None }
}

async fn standing(deferrals: &Deferrals, number: u64) -> Option<Standing> {
    deferrals.get(&format!("01J{number:04}")).await.unwrap().map(|(_, standing)| standing)
}

#[tokio::test]
async fn what_was_taken_in_is_there_again_after_a_restart_whatever_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let deferrals = Deferrals::open(folder.path()).await.unwrap();
    for number in 1..=5 {
        deferrals.put(&deferral(number, "chat")).await.unwrap();
    }
    deferrals.put(&deferral(6, "responses")).await.unwrap();
    assert_eq!(deferrals.due(5, 0).await.unwrap(), [group("chat")], "five wait");
    assert_eq!(deferrals.due(9, 6).await.unwrap(), [group("chat"), group("responses")], "both have waited");
    assert_eq!(deferrals.gather(&batch("b1"), 3, 1_000).await.unwrap(), 3, "three at most");
    assert_eq!(deferrals.gather(&batch("b2"), 3, 15).await.unwrap(), 1, "15 bytes at most");
    deferrals.submitted("b1", "remote").await.unwrap();
    assert!(!deferrals.first_sight("p", "remote").await.unwrap(), "ours are known");
    assert!(deferrals.first_sight("p", "theirs").await.unwrap());
    assert!(!deferrals.first_sight("p", "theirs").await.unwrap(), "once only");
    deferrals.unsee("p", "theirs").await.unwrap();
    assert!(deferrals.first_sight("p", "theirs").await.unwrap());
    assert!(deferrals.answer("01J0001", 200, "hello", 100).await.unwrap());
    assert!(!deferrals.answer("01J0001", 200, "again", 100).await.unwrap(), "once only");
    drop(deferrals);

    let deferrals = Deferrals::open(folder.path()).await.unwrap();
    let open = deferrals.open_batches().await.unwrap();
    assert_eq!(open, [Batch { remote: Some("remote".to_owned()), ..batch("b1") }, batch("b2")]);
    assert_eq!(deferrals.next("b1", "").await.unwrap().unwrap().0, "01J0002");
    assert_eq!(deferrals.next("b1", "01J0003").await.unwrap(), None);
    assert_eq!(deferrals.unanswered("b1").await.unwrap().len(), 2);
    assert_eq!(standing(&deferrals, 1).await, Some(Standing::Done(200, "hello".to_owned())));
    assert_eq!(standing(&deferrals, 2).await, Some(Standing::Submitted));
    assert_eq!(standing(&deferrals, 5).await, Some(Standing::Queued));
    deferrals.close("b1").await.unwrap();
    assert_eq!(standing(&deferrals, 2).await, Some(Standing::Queued), "what has no answer waits on");
    let overdue = deferrals.overdue(3).await.unwrap();
    assert_eq!(overdue.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["01J0002"]);
    assert!(deferrals.forget("01J0005").await.unwrap());
    assert!(!deferrals.forget("01J0004").await.unwrap(), "it is in batch b2");
    assert_eq!(deferrals.purge(101).await.unwrap(), 1);
    assert_eq!(standing(&deferrals, 1).await, None);
}

#[tokio::test]
async fn one_that_is_larger_than_a_batch_goes_alone() {
    let folder = tempfile::tempdir().unwrap();
    let deferrals = Deferrals::open(folder.path()).await.unwrap();
    deferrals.put(&deferral(1, "chat")).await.unwrap();
    deferrals.put(&deferral(2, "chat")).await.unwrap();
    assert_eq!(deferrals.gather(&batch("b1"), 9, 5).await.unwrap(), 1);
}

fn holding(remote: &str, thing: Thing) -> Holding {
    let facts = Facts {
        key: "k".to_owned(),
        team: Some("t".to_owned()),
        answered_as: "01B".to_owned(),
        ..Facts::default()
    };
    Holding { provider: "p".to_owned(), thing, remote: remote.to_owned(), created_ms: 1_000, facts }
}

#[tokio::test]
async fn a_bill_that_was_being_entered_is_entered_again_under_its_id_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let deferrals = Deferrals::open(folder.path()).await.unwrap();
    let batch = holding("b", Thing::Batch);
    deferrals.hold(&batch).await.unwrap();
    deferrals.hold(&holding("f", Thing::File)).await.unwrap();
    deferrals.hold_files_of("p", "b", &["out".to_owned()]).await.unwrap();
    assert_eq!(deferrals.bills(1_050, 100, 9).await.unwrap(), [], "not before the pause is over");
    assert_eq!(deferrals.bills(1_100, 100, 9).await.unwrap(), std::slice::from_ref(&batch));
    deferrals.asked(&batch, 801_000).await.unwrap();
    assert_eq!(deferrals.bills(901_000, 100, 9).await.unwrap(), [], "the seldomer the older it is");
    deferrals.bill_due("p", "b").await.unwrap();
    assert_eq!(deferrals.bills(901_000, 100, 9).await.unwrap().len(), 1, "unless somebody saw its end");
    assert!(deferrals.claim_bill(&batch).await.unwrap());
    assert!(!deferrals.first_sight("p", "b").await.unwrap(), "nobody else enters it");
    drop(deferrals);

    let deferrals = Deferrals::open(folder.path()).await.unwrap();
    assert_eq!(deferrals.bills(901_000, 100, 9).await.unwrap(), std::slice::from_ref(&batch));
    assert!(deferrals.claim_bill(&batch).await.unwrap());
    deferrals.bill_entered(&batch).await.unwrap();
    assert!(!deferrals.claim_bill(&batch).await.unwrap());
    assert!(!deferrals.first_sight("p", "b").await.unwrap());
    assert_eq!(deferrals.bills(u64::MAX >> 1, 100, 9).await.unwrap(), []);
    deferrals.let_go("p", Thing::File, "f").await.unwrap();
    let owners = deferrals.owners(Thing::File, &["out", "f", "b"]).await.unwrap();
    let owner = Owner {
        provider: "p".to_owned(),
        remote: "out".to_owned(),
        key: "k".to_owned(),
        team: Some("t".to_owned()),
    };
    assert_eq!(owners, [owner], "a batch's file is its maker's; what was deleted is nobody's");
}
