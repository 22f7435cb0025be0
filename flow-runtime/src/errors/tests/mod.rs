//! That a printed chain of errors tells each cause, and tells it once; and that each error has its code.

mod documents;
mod pages;
mod samples;

use std::error::Error;
use std::sync::Arc;

use self::samples::{Between, ROOT, failed, root, run_error_after, samples};
use super::{Code, code_of, codes, report};
use crate::engine::RunError;
use crate::state::{BoxError, DecodeError, NodeError, WorkflowId};
use crate::store::{StoreError, with_causes};

#[test]
fn a_chain_tells_each_cause_once() {
    let stored = failed("charge", false).failure.cause.unwrap();
    let of_nodes = [NodeError::permanent(Between(root())).into(), NodeError::retryable(Between(root())).into()];
    let of_nodes = of_nodes.into_iter().chain([BoxError::from(stored)]);
    for error in samples().into_iter().map(|sample| sample.error).chain(of_nodes) {
        let chain: Vec<String> = std::iter::successors(Some(&*error as &dyn Error), |error| (*error).source())
            .map(ToString::to_string)
            .collect();
        for (place, text) in chain.iter().enumerate() {
            assert!(!text.is_empty(), "{error:?}");
            let told = chain[..place].iter().find(|before| before.contains(text));
            assert_eq!(told, None, "`{text}` is told twice by {error:?}");
        }
        assert_eq!(with_causes(&*error), chain.join(": "));
        let holds_the_root = format!("{error:?}").contains(ROOT);
        assert_eq!(chain.join(": ").contains(ROOT), holds_the_root, "a cause is lost: {error:?}");
    }
}

#[test]
fn a_failed_run_tells_all_failures_with_their_causes() {
    let error = run_error_after(None).unwrap();
    let expected = "run `r` of `order` failed: step `charge` failed at attempt 2: in between: the root of it; \
                    step `ship` failed at attempt 2: in between: the root of it; left as they are: pack";
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_none());
    // Each by itself says the same, whether the node's own error is at hand or not.
    let [here, stored] = error.failures() else { panic!("{error}") };
    assert_eq!(with_causes(here), "step `charge` failed at attempt 2: in between: the root of it");
    assert_eq!(with_causes(stored), "step `ship` failed at attempt 2: in between: the root of it");
    assert!(here.source().is_some_and(<dyn Error>::is::<Between>));
}

#[test]
fn the_code_is_found_when_the_type_is_not_known_any_more() {
    for sample in samples() {
        assert_eq!(code_of(&*sample.error), Some(sample.code), "{}", sample.variant);
        // Nobody reads the text of an error to know which it is.
        assert!(!with_causes(&*sample.error).contains(sample.code.as_str()), "{}", sample.variant);
    }
}

#[test]
fn every_code_is_of_an_error() {
    let samples = samples();
    for code in Code::all() {
        assert!(samples.iter().any(|sample| sample.code == code), "no error has {code}");
    }
}

/// An error of the user's around another.
#[derive(Debug, thiserror::Error)]
#[error("the shop is closed")]
struct Around(#[source] BoxError);

#[test]
fn the_code_of_a_chain_is_that_of_the_first_error_that_has_one() {
    let id = WorkflowId::new("r").unwrap();
    let locked = || StoreError::Locked { path: "/store".into(), holder: "process 7".to_owned() };
    let run = RunError::Store { workflow: "order".to_owned(), id: id.clone(), source: Arc::new(locked()) };
    assert_eq!(run.code(), codes::STORE_LOCKED);
    assert_eq!(code_of(run.source().unwrap()), Some(codes::STORE_LOCKED), "behind an `Arc`");
    let boxed: BoxError = Box::new(Around(Box::new(Box::new(locked()))));
    assert_eq!(code_of(&*boxed), Some(codes::STORE_LOCKED), "behind a `Box`");
    assert_eq!(code_of(&Around(Box::new(Around(run.into())))), Some(codes::STORE_LOCKED));
    assert_eq!(code_of(&Around(Box::new(root()))), None);

    let decode = DecodeError { expected: "Order", reason: "it is short".to_owned() };
    assert_eq!(StoreError::Other(Box::new(Around(decode.into()))).code(), codes::VALUE_DECODE);
    assert_eq!(StoreError::Other(Box::new(Around(Box::new(root())))).code(), codes::STORE_OTHER);
}

#[test]
fn a_report_tells_the_chain_then_the_help_then_the_code() {
    let error = StoreError::Io { action: "read", path: "/store".into(), source: root() };
    let expected = "the shop is closed: cannot read /store: the root of it\n\
                    help: Read the cause behind the error: it names the path and what the system said of it.\n\
                    more: flow explain E-STORE-IO";
    assert_eq!(report(&Around(error.into())).to_string(), expected);
    assert_eq!(report(&Around(Box::new(root()))).to_string(), "the shop is closed: the root of it");
}
