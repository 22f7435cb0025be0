//! How queries are answered.

use rusqlite::Connection;

use super::super::select::statements;
use super::*;
use crate::state::WorkflowStatus;
use crate::store::Query;

/// How SQLite goes about the statements of a query.
fn plan(db: &Connection, query: &Query) -> String {
    let mut text = String::new();
    for (sql, values) in statements(db, query).unwrap() {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = explain.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        lines.for_each(|line| text += &(line.unwrap() + "\n"));
    }
    text
}

#[tokio::test]
async fn every_query_walks_an_index_in_the_order_of_its_answer() {
    let place = Place::new();
    let store = place.open();
    for run in 0..5 {
        commit(&store, &walk(&format!("run-{run}"), run, 1, 40)).await;
    }
    let db = place.raw();
    let within = Query::new().created(5..2_000);
    let queries = [
        Query::new(),
        within.clone(),
        within.clone().status(WorkflowStatus::Failed),
        within.clone().workflow("walk"),
        within.clone().workflow("walk").status(WorkflowStatus::Completed),
        within.metadata("name", "run-1"),
        Query::new().metadata("name", "run-1").metadata("by", "hand").workflow("walk").status(WorkflowStatus::Failed),
    ];
    for query in queries {
        // Those of one time may still have to be put in order.
        let plan = plan(&db, &query);
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE FOR ORDER"), "{query:?}: {plan}");
    }
}
