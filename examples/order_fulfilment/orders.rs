//! Orders: lines of JSON come in, checked orders go out, or an error that names the line.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use flow_runtime::WorkflowId;
use serde::{Deserialize, Serialize};

/// An order as the customer gave it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Also the id of its run.
    pub(crate) id: String,
    pub(crate) goods: Vec<String>,
    pub(crate) cents: NonZeroU32,
    pub(crate) card: Card,
    pub(crate) city: String,
}

/// How the bank will answer for this card; what it does is decided by the order alone, so every run sees the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Card {
    /// It pays.
    Good,
    /// It pays at the third attempt.
    Flaky,
    /// It never pays.
    Declined,
    /// The bank never answers.
    Unreachable,
}

/// Reads all orders of a file. One bad line refuses the file: nothing of it is run.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Order>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut orders = Vec::new();
    let mut seen = HashMap::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let at = || format!("{}, line {number}", path.display());
        let order = parse(line).with_context(at)?;
        let before: Option<u32> = seen.insert(order.id.clone(), number);
        if let Some(before) = before {
            return Err(anyhow!("the order `{}` stands in line {before} already", order.id)).with_context(at);
        }
        orders.push(order);
    }
    ensure!(!orders.is_empty(), "{} has no orders", path.display());
    Ok(orders)
}

fn parse(line: &str) -> anyhow::Result<Order> {
    // Only the line of the file is of interest, and the parser knows but one.
    let order: Order = serde_json::from_str(line)
        .map_err(|error| anyhow!("{}", error.to_string().replace(" at line 1 column ", " at column ")))?;
    WorkflowId::new(&order.id)?;
    ensure!(!order.goods.is_empty(), "the order `{}` has no goods", order.id);
    Ok(order)
}
