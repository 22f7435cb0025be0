//! The testing kit for users: what it finds in workflows that do not survive a crash, and that sound ones do, on every
//! store.

mod crashes;
mod findings;
mod stores;

/// One test for each durable store, with what makes a place for it.
macro_rules! on_every_durable_store {
    ($($name:ident)*) => {
        mod json {
            $(#[tokio::test]
            async fn $name() {
                super::$name(|| {
                    let dir = tempfile::tempdir().unwrap();
                    move || flow_runtime::JsonFileStore::open(dir.path()).unwrap()
                }).await;
            })*
        }

        mod flat {
            $(#[tokio::test]
            async fn $name() {
                super::$name(|| {
                    let dir = tempfile::tempdir().unwrap();
                    move || flow_runtime::FlatBuffersStore::open(dir.path()).unwrap()
                }).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(|| {
                    let dir = tempfile::tempdir().unwrap();
                    move || flow_runtime::SqliteStore::open(dir.path().join("flow.db")).unwrap()
                }).await;
            })*
        }
    };
}
pub(super) use on_every_durable_store;
