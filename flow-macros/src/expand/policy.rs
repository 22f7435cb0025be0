//! In: what options say. Out: a policy with what they override, as code.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::model::policy::{Options, Retry};

/// A policy with what the options override. `flow` is the path to the runtime's private part.
pub(crate) fn policy(flow: &impl ToTokens, base: TokenStream, options: &Options) -> TokenStream {
    let mut policy = base;
    let some = |value: TokenStream| quote!(::core::option::Option::Some(#value));
    if let Some(retry) = &options.retry {
        let retry = some(retry_tokens(flow, retry));
        policy = quote!(#policy.with_retry(#retry));
    }
    if let Some(timeout) = options.timeout {
        let timeout = some(duration_tokens(timeout));
        policy = quote!(#policy.with_timeout(#timeout));
    }
    if let Some(deadline) = options.deadline {
        let deadline = some(duration_tokens(deadline));
        policy = quote!(#policy.with_deadline(#deadline));
    }
    if options.pure.is_some() {
        policy = quote!(#policy.with_pure(true));
    }
    if options.at_most_once.is_some() {
        policy = quote!(#policy.with_at_most_once(true));
    }
    if options.blocking.is_some() {
        policy = quote!(#policy.with_blocking(true));
    }
    if let Some(concurrency) = options.concurrency {
        policy = quote!(#policy.with_concurrency(#concurrency));
    }
    policy
}

fn retry_tokens(flow: &impl ToTokens, retry: &Retry) -> TokenStream {
    let times = retry.times;
    let mut backoff = quote!(#flow::Backoff::DEFAULT);
    if let Some((min, max)) = retry.backoff {
        let (min, max) = (duration_tokens(min), duration_tokens(max));
        backoff = quote!(#flow::Backoff::new(#min, #max));
    }
    if let Some(factor) = retry.factor {
        backoff = quote!(#backoff.with_factor(#factor));
    }
    if let Some(jitter) = retry.jitter {
        backoff = quote!(#backoff.with_jitter(#jitter));
    }
    quote!(#flow::Retry::new(#times).with_backoff(#backoff))
}

fn duration_tokens(duration: Duration) -> TokenStream {
    // What does not fit was refused when it was read.
    let nanos = proc_macro2::Literal::u64_suffixed(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    quote!(::core::time::Duration::from_nanos(#nanos))
}
