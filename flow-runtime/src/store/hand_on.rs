//! The one place that hands calls on to a store behind another.
//!
//! In: the expression that is the store behind. Out: the methods of [`WorkflowStore`](super::WorkflowStore) that a store
//! around it does not answer itself. A method that the trait gains is handed on by all of them.

/// Hands the calls of a store around another one on to it: all of them, or all but those that the store answers itself.
///
/// It stands in an `impl WorkflowStore`, and makes the methods that are not named. A method that is named and then not
/// written is answered as the trait does by default.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// use flow_runtime::prelude::*;
/// use flow_runtime::state::Delta;
/// use flow_runtime::{StoreError, WorkflowData, WorkflowStore, store};
///
/// /// Counts the commits of a store.
/// #[derive(Clone)]
/// struct Counted<S> {
///     store: S,
///     commits: Arc<AtomicU64>,
/// }
///
/// impl<S: WorkflowStore> WorkflowStore for Counted<S> {
///     store::hand_on!(|own| &own.store; all but commit);
///
///     async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
///         self.commits.fetch_add(1, Relaxed);
///         self.store.commit(after, delta).await
///     }
/// }
///
/// #[node]
/// async fn greet(name: &str) -> String { format!("Hello, {name}") }
/// workflow! { fn greets(name: String) -> String { greet(name) } }
///
/// let counted = Counted { store: InMemoryStore::default(), commits: Arc::default() };
/// greets("Ada".to_owned()).run(&Engine::new(counted.clone()), "r").await?;
/// assert_eq!(counted.commits.load(Relaxed), 2);       // its beginning, and its end with the output of the step
/// # Ok(())
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __hand_on {
    (|$own:ident| $inner:expr) => { $crate::__hand_on! { |$own| $inner; all but } };
    (|$own:ident| $inner:expr; all but $($but:ident),*) => {
        $crate::__hand_on! { @unless [$($but)*] save =>
            async fn save(&self, data: &$crate::WorkflowData) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::save($inner, data).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] load =>
            async fn load(
                &self,
                id: &$crate::WorkflowId,
            ) -> $crate::__private::Result<$crate::WorkflowData, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::load($inner, id).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] list_workflows =>
            async fn list_workflows(&self) -> $crate::__private::Result<$crate::store::Listing, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::list_workflows($inner).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] delete =>
            async fn delete(&self, id: &$crate::WorkflowId) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::delete($inner, id).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] commit =>
            async fn commit(
                &self,
                after: &$crate::WorkflowData,
                delta: &$crate::state::Delta,
            ) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::commit($inner, after, delta).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] encoding =>
            fn encoding(&self) -> $crate::state::Encoding {
                let $own = self;
                $crate::WorkflowStore::encoding($inner)
            }
        }
        $crate::__hand_on! { @unless [$($but)*] query =>
            async fn query(
                &self,
                query: &$crate::store::Query,
            ) -> $crate::__private::Result<$crate::store::Page, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::query($inner, query).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] claim =>
            async fn claim(
                &self,
                id: &$crate::WorkflowId,
                owner: $crate::store::Owner,
            ) -> $crate::__private::Result<u64, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::claim($inner, id, owner).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] release =>
            async fn release(
                &self,
                id: &$crate::WorkflowId,
                owner: $crate::store::Owner,
            ) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::release($inner, id, owner).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] forget =>
            fn forget(&self, owner: $crate::store::Owner) {
                let $own = self;
                $crate::WorkflowStore::forget($inner, owner);
            }
        }
        $crate::__hand_on! { @unless [$($but)*] inline_bytes =>
            fn inline_bytes(&self) -> $crate::__private::Option<usize> {
                let $own = self;
                $crate::WorkflowStore::inline_bytes($inner)
            }
        }
        $crate::__hand_on! { @unless [$($but)*] put_part =>
            async fn put_part(
                &self,
                key: &$crate::store::PartKey,
                bytes: $crate::__private::Bytes,
            ) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::put_part($inner, key, bytes).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] part =>
            async fn part(
                &self,
                key: &$crate::store::PartKey,
            ) -> $crate::__private::Result<$crate::__private::Bytes, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::part($inner, key).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] ask =>
            async fn ask(
                &self,
                run: &$crate::WorkflowId,
                request: &$crate::state::Request,
            ) -> $crate::__private::Result<bool, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::ask($inner, run, request).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] requests =>
            async fn requests(
                &self,
                run: &$crate::WorkflowId,
            ) -> $crate::__private::Result<$crate::__private::Vec<$crate::state::Request>, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::requests($inner, run).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] take_requests =>
            async fn take_requests(
                &self,
                run: &$crate::WorkflowId,
                ids: &[$crate::__private::String],
            ) -> $crate::__private::Result<(), $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::take_requests($inner, run, ids).await
            }
        }
        $crate::__hand_on! { @unless [$($but)*] asked =>
            async fn asked(
                &self,
            ) -> $crate::__private::Result<$crate::__private::Vec<$crate::WorkflowId>, $crate::StoreError> {
                let $own = self;
                $crate::WorkflowStore::asked($inner).await
            }
        }
    };
    (@unless [save $($but:ident)*] save => $($method:tt)*) => {};
    (@unless [load $($but:ident)*] load => $($method:tt)*) => {};
    (@unless [list_workflows $($but:ident)*] list_workflows => $($method:tt)*) => {};
    (@unless [delete $($but:ident)*] delete => $($method:tt)*) => {};
    (@unless [commit $($but:ident)*] commit => $($method:tt)*) => {};
    (@unless [encoding $($but:ident)*] encoding => $($method:tt)*) => {};
    (@unless [query $($but:ident)*] query => $($method:tt)*) => {};
    (@unless [claim $($but:ident)*] claim => $($method:tt)*) => {};
    (@unless [release $($but:ident)*] release => $($method:tt)*) => {};
    (@unless [forget $($but:ident)*] forget => $($method:tt)*) => {};
    (@unless [inline_bytes $($but:ident)*] inline_bytes => $($method:tt)*) => {};
    (@unless [put_part $($but:ident)*] put_part => $($method:tt)*) => {};
    (@unless [part $($but:ident)*] part => $($method:tt)*) => {};
    (@unless [ask $($but:ident)*] ask => $($method:tt)*) => {};
    (@unless [requests $($but:ident)*] requests => $($method:tt)*) => {};
    (@unless [take_requests $($but:ident)*] take_requests => $($method:tt)*) => {};
    (@unless [asked $($but:ident)*] asked => $($method:tt)*) => {};
    (@unless [] $name:ident => $($method:tt)*) => { $($method)* };
    (@unless [$other:ident $($but:ident)*] $name:ident => $($method:tt)*) => {
        $crate::__hand_on! { @unless [$($but)*] $name => $($method)* }
    };
}

#[cfg(test)]
mod tests {
    /// A method that the trait provides and this does not hand on would be answered by the default, and not by the store.
    #[test]
    fn every_method_of_the_trait_is_handed_on() {
        let (_, text) = include_str!("mod.rs").split_once("pub trait WorkflowStore").unwrap();
        let (text, _) = text.split_once("\n}\n").unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("    fn ")?.split(['(', '<']).next());
        let names: Vec<&str> = names.collect();
        assert!(names.len() >= 17 && names.contains(&"save") && names.contains(&"asked"), "{names:?}");
        let own = include_str!("hand_on.rs");
        for name in names {
            let call = format!("$crate::WorkflowStore::{name}($inner");
            assert!(own.contains(&call), "`{name}` is not handed on");
            let own_answer = format!("(@unless [{name} $($but:ident)*] {name} =>");
            assert!(own.contains(&own_answer), "a store cannot answer `{name}` itself");
        }
    }
}
