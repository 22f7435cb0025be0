//! The list of cases, and the macro that makes tests of them.
//!
//! A case that is written and does not stand in this list is unused code, of which the compiler tells.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::place::{Place, StoreFixture};

/// How long a case may take before its store is said to hang.
const LIMIT: Duration = Duration::from_secs(300);

/// Calls a macro with the names of the cases: those for every store, those for stores with a `commit` of their own,
/// those for stores without.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_conformance_cases {
    ($with:ident!($($what:tt)*)) => {
        $crate::$with! {
            $($what)*
            every: [
                runs::b18_a_failed_run_gives_its_failure_after_reopening
                runs::b19_an_ended_run_gives_its_output_after_reopening
                values::b29_integers_come_back_to_their_ends
                values::b29_unsigned_integers_come_back_to_their_ends
                values::b29_small_integers_come_back
                values::b29_floats_come_back_bit_for_bit
                values::b29_nan_and_infinities_come_back
                values::b29_booleans_options_and_units_come_back
                values::b29_texts_of_any_unicode_come_back
                values::b29_bytes_of_every_value_come_back
                values::b29_empty_values_come_back
                values::b29_structures_maps_and_enums_come_back
                values::b29_payloads_of_several_encodings_stand_side_by_side
                states::b29_every_status_of_a_step_comes_back
                states::b29_every_status_of_a_run_comes_back
                states::b29_every_outcome_and_output_comes_back
                states::b29_timers_come_back
                states::b29_waits_for_signals_and_doubts_come_back
                states::b29_every_kind_of_failure_comes_back
                states::b29_the_causes_of_a_failure_come_back_in_order
                states::b29_counts_of_attempts_come_back
                states::b29_times_come_back_to_the_nanosecond
                states::b29_numbers_of_runs_come_back_to_their_ends
                states::b29_metadata_comes_back
                states::b29_the_data_of_a_run_comes_back
                states::b29_what_was_asked_comes_back
                states::b29_parent_and_origin_come_back
                states::b29_payloads_of_any_bytes_come_back_untouched
                states::b29_transforms_and_flags_of_payloads_come_back
                states::b29_a_record_with_every_field_comes_back
                states::b29_records_in_random_states_come_back
                shapes::b29_a_plan_without_steps_comes_back
                shapes::b29_branches_and_the_arms_they_took_come_back
                shapes::b29_fan_outs_and_their_items_come_back
                shapes::b29_nested_regions_come_back
                shapes::b29_policies_of_steps_come_back
                shapes::b29_the_texts_of_a_plan_come_back
                shapes::b29_the_edges_of_a_plan_come_back
                shapes::b29_runs_of_different_plans_keep_their_own
                large::b29_payloads_of_several_mebibytes_come_back
                large::b29_large_values_are_committed_whole
                large::b29_long_texts_come_back
                large::b29_thousands_of_keys_come_back
                large::b29_thousands_of_items_come_back
                large::b30_many_commits_of_one_run_are_kept
                replace::b30_a_save_replaces_the_whole_record
                replace::b30_no_step_of_an_earlier_save_remains
                replace::b30_no_key_of_an_earlier_save_remains
                replace::b30_no_timer_of_an_earlier_save_remains
                replace::b30_no_output_of_an_earlier_save_remains
                replace::b30_no_failure_of_an_earlier_save_remains
                replace::b30_no_metadata_of_an_earlier_save_remains
                replace::b30_no_end_or_origin_of_an_earlier_save_remains
                replace::b30_a_save_of_an_earlier_state_replaces_a_later_one
                replace::b30_a_save_replaces_a_run_of_another_number
                replace::b30_saving_a_record_again_changes_nothing
                replace::b30_a_save_touches_no_other_run
                replace::b30_a_save_replaces_what_commits_have_made
                replace::b30_commits_and_saves_take_turns
                replace::b30_every_commit_of_a_random_walk_is_kept
                replace::b30_commits_and_saves_lead_to_equal_records
                replace::b30_a_delta_of_many_events_is_kept_whole
                replace::b30_a_first_delta_may_hold_a_whole_run
                replace::b30_a_delta_without_events_is_kept
                replace::b30_an_adopted_plan_is_kept
                replace::b30_the_encoding_of_a_store_does_not_change
                crowds::b30_runs_committed_at_once_are_all_kept
                crowds::b30_records_saved_at_once_are_all_kept
                crowds::b30_saves_of_one_run_at_once_leave_one_of_them_whole
                absent::b32_loading_an_unknown_run_is_not_found
                absent::b32_deleting_an_unknown_run_is_not_found
                absent::b32_deleting_a_run_twice_is_not_found
                absent::b32_a_deleted_run_is_not_found
                absent::b32_looking_for_a_run_makes_none
                absent::b32_a_run_is_not_found_by_a_part_of_its_id
                crowds::b32_of_deletions_at_once_one_finds_the_run
                ids::b33_ids_that_differ_in_case_are_kept_apart
                ids::b33_ids_in_several_unicode_forms_are_kept_apart
                ids::b33_ids_that_lead_elsewhere_are_kept_apart
                ids::b33_ids_within_ids_are_kept_apart
                ids::b33_ids_with_dots_and_spaces_at_their_ends_are_kept_apart
                ids::b33_names_of_devices_are_ids
                ids::b33_names_of_a_stores_own_files_are_ids
                ids::b33_ids_that_look_encoded_are_kept_apart
                ids::b33_ids_with_quotes_and_wildcards_are_kept_apart
                ids::b33_the_longest_ids_are_kept_apart
                ids::b33_random_ids_are_kept_apart
                ids::b33_listed_ids_are_those_that_were_given
                ids::b33_runs_created_by_commits_are_kept_apart
                dropped::b35_a_dropped_save_happens_whole_or_not_at_all
                dropped::b35_a_dropped_first_save_happens_whole_or_not_at_all
                dropped::b35_a_dropped_commit_happens_whole_or_not_at_all
                dropped::b35_a_dropped_creation_happens_whole_or_not_at_all
                dropped::b35_a_dropped_deletion_happens_whole_or_not_at_all
                dropped::b35_dropped_loads_and_listings_change_nothing
                listing::b36_an_empty_store_lists_nothing
                listing::b36_the_listing_is_sorted_by_the_bytes_of_ids
                listing::b36_runs_of_every_status_are_listed
                listing::b36_a_run_that_was_saved_often_is_listed_once
                listing::b36_runs_created_by_commits_are_listed
                listing::b36_deleted_runs_are_not_listed
                listing::b36_a_thousand_runs_are_listed
                crowds::b36_listings_beside_writers_miss_nothing
                snapshots::b37_changing_a_saved_record_changes_nothing_in_the_store
                snapshots::b37_changing_a_committed_record_changes_nothing_in_the_store
                snapshots::b37_changing_a_loaded_record_changes_nothing_in_the_store
                snapshots::b37_a_loaded_record_is_a_snapshot
                snapshots::b37_a_listing_is_a_snapshot
                snapshots::b37_runs_that_began_alike_do_not_share
                crowds::b37_readers_beside_a_writer_see_whole_records_in_order
                dropped::b39_a_dropped_save_does_not_bring_back_a_run_deleted_after_it
                deleting::b39_a_deleted_run_stays_deleted
                deleting::b39_changes_that_were_pending_do_not_bring_a_run_back
                deleting::b39_a_pending_creation_does_not_bring_a_run_back
                deleting::b39_a_deletion_touches_no_other_run
                deleting::b39_a_deleted_id_can_be_used_again
                deleting::b39_an_id_is_used_and_deleted_many_times
                crowds::b39_a_run_that_is_being_deleted_is_whole_or_gone
                reopening::b42_a_save_is_there_after_reopening
                reopening::b42_every_commit_is_there_after_reopening
                reopening::b42_ended_runs_are_there_after_reopening
                reopening::b42_lazy_commits_are_there_after_closing
                reopening::b42_lazy_and_durable_commits_keep_their_order
                reopening::b42_a_deletion_is_there_after_reopening
                reopening::b42_reopening_again_and_again_changes_nothing
                reopening::b42_a_reopened_store_takes_all_calls
                runs::b42_a_run_goes_on_after_reopening
                runs::b42_many_runs_at_once_are_served
                dropped::b71_a_commit_sent_again_after_it_was_dropped_is_applied_once
                dropped::b71_a_creation_sent_again_after_it_was_dropped_creates_one_run
                conflicts::b71_a_delta_that_is_sent_again_is_applied_once
                conflicts::b71_a_creation_that_is_sent_again_creates_one_run
                conflicts::b71_an_end_that_is_sent_again_is_applied_once
                conflicts::b71_a_delta_kept_before_reopening_is_not_applied_again
                parts::b29_parts_of_any_bytes_come_back
                parts::b29_a_part_of_the_largest_size_comes_back
                parts::b29_parts_of_one_run_are_kept_apart
                parts::b30_a_part_replaces_that_of_its_name
                parts::b32_a_part_that_is_not_there_is_corrupt
                parts::b33_parts_of_runs_are_kept_apart
                parts::b39_parts_go_with_their_run_alone
                parts::b39_parts_of_a_deleted_run_are_not_those_of_the_next
                parts::b42_parts_are_there_after_reopening
                queries::b38_what_only_a_newer_version_can_read_hides_nothing
                queries::query_gives_every_run_as_its_record_is
                queries::query_gives_the_newest_first_and_those_of_one_time_by_id
                queries::query_of_a_workflow_gives_its_runs
                queries::query_of_statuses_gives_runs_of_each
                queries::query_of_a_time_keeps_its_ends
                queries::query_of_metadata_wants_every_entry
                queries::query_of_several_things_wants_all
                queries::query_of_nothing_that_is_there_is_an_empty_page
                queries::query_gives_pages_that_neither_repeat_nor_skip
                queries::query_goes_on_while_runs_come_and_go
                queries::query_sees_each_commit
                queries::b44_a_run_that_moved_to_another_version_is_one_of_it
                queries::query_sees_no_deleted_run
                queries::query_gives_the_same_after_reopening
                claims::claim_is_refused_to_another_owner
                claims::claim_by_the_same_owner_again_changes_nothing
                claims::claim_is_given_back_by_its_owner_alone
                claims::claim_holds_no_other_run
                claims::claim_gives_fences_that_grow_with_each_owner
                claims::claim_ends_with_its_owner
                claims::claim_keeps_a_run_from_deletion
                claims::claim_makes_no_run
                requests::b35_a_dropped_request_is_kept_whole_or_not_at_all
                requests::b39_requests_go_with_their_run
                requests::b39_a_dropped_deletion_takes_requests_with_their_run_or_leaves_both
                requests::b42_requests_are_there_after_reopening
                requests::b52_a_request_waits_for_a_run_that_is_not_there_yet
                requests::b52_requests_are_given_in_the_order_in_which_they_came
                requests::b52_a_request_that_comes_again_counts_once
                requests::b52_requests_that_come_at_once_are_all_kept
                requests::b52_a_request_that_comes_at_once_from_several_counts_once
                requests::requests_of_every_kind_come_back
                requests::large_requests_come_back
                requests::requests_that_are_taken_are_gone_and_others_stay
                requests::taking_requests_that_are_not_there_changes_nothing
                requests::requests_of_runs_of_like_ids_are_kept_apart
                requests::requests_of_like_ids_are_kept_apart
            ]
            commit: [
                dropped::b39_a_dropped_commit_does_not_bring_back_a_run_deleted_after_it
                deleting::b39_a_late_commit_does_not_bring_a_run_back
                deleting::b39_a_late_commit_does_not_touch_the_next_run_of_its_id
                crowds::b71_of_creations_at_once_one_is_taken
                crowds::b71_of_rival_deltas_at_once_one_is_taken
                conflicts::b71_a_delta_that_skips_one_is_a_conflict
                conflicts::b71_an_older_delta_is_not_applied_again
                conflicts::b71_another_delta_of_the_same_number_is_a_conflict
                conflicts::b71_creating_a_run_that_exists_is_a_conflict
                conflicts::b71_creating_a_run_that_was_just_created_is_a_conflict
                conflicts::b71_creating_a_run_that_was_saved_is_a_conflict
                conflicts::b71_a_delta_of_another_run_is_a_conflict
                conflicts::b71_a_delta_of_an_unknown_run_is_a_conflict
                conflicts::b71_a_run_goes_on_after_a_conflict
                conflicts::b71_conflicts_are_known_after_reopening
                conflicts::b71_a_delta_must_follow_what_was_saved
                conflicts::b71_a_conflict_touches_no_other_run
                claims::claim_closes_a_run_to_older_fences
            ]
            four_methods: [
                conflicts::four_methods_a_commit_is_a_save
            ]
        }
    };
}

/// Makes a test of each case of the [conformance kit](crate::testing::conformance) for one store.
///
/// Put it in a module of its own: the tests are named after the cases. The expression is evaluated for each test and
/// gives a [`StoreFixture`](crate::testing::conformance::StoreFixture), most easily an async closure that opens the
/// store; what the closure owns, such as a temporary folder, lives as long as the test. The tests need neither a
/// runtime nor a dependency of their own.
///
/// ```
/// #[cfg(test)]
/// mod conformance {
///     use flow_runtime::FlatBuffersStore;
///
///     flow_runtime::testing::store_conformance!({
///         let folder = tempfile::tempdir().unwrap();
///         async move || FlatBuffersStore::open(folder.path()).unwrap()
///     });
/// }
/// ```
///
/// A store that leaves [`commit`](crate::WorkflowStore::commit) as the trait has it says so with
/// `store_conformance!(four_methods, ..)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_conformance {
    (four_methods, $open:expr $(,)?) => {
        $crate::__store_conformance_cases!(__store_conformance_tests!(four_methods { $open }));
    };
    ($open:expr $(,)?) => {
        $crate::__store_conformance_cases!(__store_conformance_tests!(commit { $open }));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_conformance_tests {
    (commit $open:tt every: [$($every_in:ident::$every:ident)*] commit: [$($commit_in:ident::$commit:ident)*] four_methods: $four:tt) => {
        $crate::__store_conformance_tests!($open $($every)* $($commit)*);
    };
    (four_methods $open:tt every: [$($every_in:ident::$every:ident)*] commit: $commit:tt four_methods: [$($four_in:ident::$four:ident)*]) => {
        $crate::__store_conformance_tests!($open $($every)* $($four)*);
    };
    ($open:tt $($case:ident)*) => {
        fn __place() -> impl $crate::testing::conformance::StoreFixture {
            $open
        }

        $(
            #[::core::prelude::v1::test]
            fn $case() {
                $crate::testing::conformance::run_case(::core::stringify!($case), &__place());
            }
        )*
    };
}

type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One case: something that a store must do.
pub struct Case {
    name: &'static str,
    run: fn(&dyn Place) -> Running<'_>,
}

impl Case {
    /// The case's name. It begins with the number of the behaviour that it is of.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the case on an empty place.
    ///
    /// # Panics
    /// If the store does not do what the case demands; the message says what that is and what came instead.
    pub fn run(&self, place: &impl StoreFixture) {
        self.run_on(place);
    }

    fn run_on(&self, place: &dyn Place) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("cannot make a runtime for the case: {error}"),
        };
        let end = runtime.block_on(async { tokio::time::timeout(LIMIT, (self.run)(place)).await });
        assert!(end.is_ok(), "a store must answer every call; instead the case was not through after {LIMIT:?}");
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({})", self.name)
    }
}

/// The cases for every store.
pub fn cases() -> &'static [Case] {
    EVERY
}

/// The cases for stores that override [`commit`](crate::WorkflowStore::commit), beside those for every store.
pub fn commit_cases() -> &'static [Case] {
    COMMIT
}

/// The cases for stores that leave [`commit`](crate::WorkflowStore::commit) as it is, beside those for every store.
pub fn four_methods_cases() -> &'static [Case] {
    FOUR_METHODS
}

/// Runs the case of this name; for the tests that `store_conformance!` makes.
#[doc(hidden)]
pub fn run_case(name: &str, place: &impl StoreFixture) {
    let mut all = EVERY.iter().chain(COMMIT).chain(FOUR_METHODS);
    match all.find(|case| case.name == name) {
        Some(case) => case.run(place),
        None => panic!("the kit has no case `{name}`"),
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_conformance_lists {
    (every: [$($every_in:ident::$every:ident)*] commit: [$($commit_in:ident::$commit:ident)*] four_methods: [$($four_in:ident::$four:ident)*]) => {
        const EVERY: &[Case] = &[$(Case { name: stringify!($every), run: |place| Box::pin(super::$every_in::$every(place)) }),*];
        const COMMIT: &[Case] = &[$(Case { name: stringify!($commit), run: |place| Box::pin(super::$commit_in::$commit(place)) }),*];
        const FOUR_METHODS: &[Case] = &[$(Case { name: stringify!($four), run: |place| Box::pin(super::$four_in::$four(place)) }),*];
    };
}

crate::__store_conformance_cases!(__store_conformance_lists!());
