//! Who is missing from a table, and why.

use harness::case::Class;

/// What a table of this class does not have.
pub(super) fn of(class: Class) -> &'static [(&'static str, &'static str)] {
    match class {
        Class::None => &[
            ("sayiir, layers and straggler", "its graphs are series and forks, and a branch of a fork is one step"),
            ("sayiir, fan-out", "it has no step for each item of a list"),
            (
                "takeln and durare",
                "what they keep in memory they keep of all runs for ever; they are measured with the store they are for",
            ),
        ],
        Class::Kill => &[
            ("sayiir", "its only store that outlives a process is Postgres"),
            ("dagx", "it stores nothing"),
            ("takeln", "it has no setting without a sync for each commit"),
            (
                "Flow, OnSuspend, resume and the like",
                "they do not differ from those of `Strict`, which stand there instead",
            ),
        ],
        Class::PowerLoss => &[
            ("sayiir", "its only store that outlives a process is Postgres"),
            ("dagx", "it stores nothing"),
            ("durare", "it commits to SQLite without a sync (`synchronous = NORMAL`)"),
        ],
    }
}

/// What is to be known of the rows of a class.
pub(super) fn notes(class: Class) -> &'static [&'static str] {
    match class {
        Class::None => &[
            "sayiir encodes what each step gives, as it would for a store. dagx joins eight inputs at most, so larger joins \
             are trees there, whose steps are not counted.",
            "dagx builds a graph for each run. Its rows without the build leave that out of the time.",
        ],
        Class::Kill => &[
            "With `OnSuspend` a kill takes the steps of the last 50 ms, which run again. The rows with `Strict`, and those of \
             durare, lose none.",
            "durare looks for messages every 25 ms, which cannot be set. All others are told.",
        ],
        Class::PowerLoss => &[
            "The limit writes the payloads alone to a file whose blocks are there; for 128 runs it commits what they would \
             commit at the same time in one piece.",
        ],
    }
}
