//! All codes of errors, each with its page.
//!
//! A constant for each, named as the code is without its `E-`. The pages are the files in `docs/errors/` of this crate.

use super::Code;

/// Makes a constant of each code, with its page as documentation, and the table of all.
macro_rules! codes {
    ($($name:ident = $code:literal;)+) => {
        // Where a page names another code in brackets, this is what the link goes to.
        codes! { linked concat!("\n\n", $("[", $code, "]: ", stringify!($name), "\n"),+); $($name = $code;)+ }
    };
    (linked $links:expr; $($name:ident = $code:literal;)+) => {
        $(
            #[doc = include_str!(concat!("../../docs/errors/", $code, ".md"))]
            #[doc = $links]
            pub const $name: Code =
                Code { name: $code, page: include_str!(concat!("../../docs/errors/", $code, ".md")) };
        )+

        /// Sorted by their names.
        pub(super) const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    ASK_ENDED = "E-ASK-ENDED";
    ASK_JSON = "E-ASK-JSON";
    ASK_NOT_ENDED = "E-ASK-NOT-ENDED";
    ASK_NOT_IN_DOUBT = "E-ASK-NOT-IN-DOUBT";
    ASK_NOTHING_FAILED = "E-ASK-NOTHING-FAILED";
    ASK_TOO_MANY = "E-ASK-TOO-MANY";
    ASK_TYPE = "E-ASK-TYPE";
    CRASH_DIFFERS = "E-CRASH-DIFFERS";
    CRASH_NO_SUCH_STEP = "E-CRASH-NO-SUCH-STEP";
    CRASH_NOT_REPEATABLE = "E-CRASH-NOT-REPEATABLE";
    CRASH_NOT_RESUMED = "E-CRASH-NOT-RESUMED";
    CRASH_RAN_AGAIN = "E-CRASH-RAN-AGAIN";
    CRASH_UNDISTURBED = "E-CRASH-UNDISTURBED";
    CRASH_WAITS = "E-CRASH-WAITS";
    ID_REQUEST = "E-ID-REQUEST";
    ID_WORKFLOW = "E-ID-WORKFLOW";
    RECORD_EVENT = "E-RECORD-EVENT";
    RESUME_HEAD = "E-RESUME-HEAD";
    RESUME_INPUT = "E-RESUME-INPUT";
    RESUME_MIGRATION = "E-RESUME-MIGRATION";
    RESUME_PLAN = "E-RESUME-PLAN";
    RESUME_TYPE = "E-RESUME-TYPE";
    RESUME_WORKFLOW = "E-RESUME-WORKFLOW";
    RUN_CANCELLED = "E-RUN-CANCELLED";
    RUN_CONFLICT = "E-RUN-CONFLICT";
    RUN_EXISTS = "E-RUN-EXISTS";
    RUN_FAILED = "E-RUN-FAILED";
    RUN_HELD = "E-RUN-HELD";
    RUN_INTERRUPTED = "E-RUN-INTERRUPTED";
    RUN_ROLLED_BACK = "E-RUN-ROLLED-BACK";
    RUN_STUCK = "E-RUN-STUCK";
    RUN_UNKNOWN = "E-RUN-UNKNOWN";
    SHAPE_BROKEN = "E-SHAPE-BROKEN";
    SHAPE_CHANGED = "E-SHAPE-CHANGED";
    SHAPE_FILE = "E-SHAPE-FILE";
    SHAPE_MISSING = "E-SHAPE-MISSING";
    SHAPE_MODE = "E-SHAPE-MODE";
    STEP_DEADLINE = "E-STEP-DEADLINE";
    STEP_FAILED = "E-STEP-FAILED";
    STEP_OUTPUT = "E-STEP-OUTPUT";
    STEP_PANICKED = "E-STEP-PANICKED";
    STEP_TIMEOUT = "E-STEP-TIMEOUT";
    STEP_UNKNOWN = "E-STEP-UNKNOWN";
    STORE_BUSY = "E-STORE-BUSY";
    STORE_CORRUPT = "E-STORE-CORRUPT";
    STORE_DAMAGED = "E-STORE-DAMAGED";
    STORE_FSYNC = "E-STORE-FSYNC";
    STORE_FULL = "E-STORE-FULL";
    STORE_IO = "E-STORE-IO";
    STORE_LIBRARY = "E-STORE-LIBRARY";
    STORE_LOCKED = "E-STORE-LOCKED";
    STORE_NEWER = "E-STORE-NEWER";
    STORE_OTHER = "E-STORE-OTHER";
    STORE_READ_ONLY = "E-STORE-READ-ONLY";
    STORE_UNSTORABLE = "E-STORE-UNSTORABLE";
    VALUE_DECODE = "E-VALUE-DECODE";
    VALUE_ENCODE = "E-VALUE-ENCODE";
}
