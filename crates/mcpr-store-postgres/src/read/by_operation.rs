//! The first of few requests among many: failures by time, and slow ones by latency. The server takes conditions for
//! independent, and for a tool that never fails goes through all requests to find a page of its failures. The indexes
//! have them by operation, in order: a page of each operation holds the page of all.

use super::conditions::{Conditions, MeantNames, Selection};
use mcpr_model::ErrorKind;
use mcpr_store::query::Filter;

/// What is listed.
pub(super) struct Listed<'a> {
    /// The columns, of `requests r`.
    pub(super) columns: &'a str,
    /// The order of `{r}`, which stands for the table.
    pub(super) order: &'a str,
    pub(super) limit: usize,
}

impl Listed<'_> {
    /// The first of everything that a filter selects, as the server goes about it.
    pub(super) fn of_all(&self, selection: Selection) -> (String, Conditions) {
        let mut conditions = selection.whole();
        let sql = self.sql(&mut conditions);
        (sql, conditions)
    }

    /// The same as a page of each operation.
    pub(super) fn by_operation(&self, selection: Selection) -> (String, Conditions) {
        let mut conditions = selection.conditions;
        let operations = operations(selection.operations, &mut conditions);
        conditions.add("r.operation = k.operation", []);
        self.put_together(&operations, conditions)
    }

    /// The same as a page of each operation and kind of failure.
    pub(super) fn by_failure(&self, selection: Selection, filter: &Filter) -> (String, Conditions) {
        let mut conditions = selection.conditions;
        let operations = operations(selection.operations, &mut conditions);
        let is_meant = |kind: &ErrorKind| {
            (filter.error_kinds.is_empty() || filter.error_kinds.contains(kind))
                && (filter.statuses.is_empty() || filter.statuses.contains(&kind.status()))
        };
        let kinds = ErrorKind::ALL.into_iter().filter(is_meant);
        let kinds: Vec<String> = kinds.map(|kind| kind.code().to_string()).collect();
        // Numbers of our own.
        let places = format!(
            "{operations} CROSS JOIN unnest('{{{}}}'::smallint[]) AS e (kind)",
            kinds.join(",")
        );
        conditions.add("r.operation = k.operation AND r.error_kind = e.kind", []);
        self.put_together(&places, conditions)
    }

    fn put_together(&self, places: &str, mut conditions: Conditions) -> (String, Conditions) {
        let of_one = self.sql(&mut conditions);
        let (order, limit) = (self.order.replace("{r}", "n"), self.limit);
        let sql = format!(
            "SELECT n.* FROM {places} CROSS JOIN LATERAL ({of_one}) n ORDER BY {order} LIMIT {limit}"
        );
        (sql, conditions)
    }

    fn sql(&self, conditions: &mut Conditions) -> String {
        let limit = conditions.value(i64::try_from(self.limit).unwrap_or(i64::MAX));
        let order = self.order.replace("{r}", "r");
        format!(
            "SELECT {} FROM requests r WHERE {} ORDER BY {order} LIMIT {limit}",
            self.columns,
            conditions.sql()
        )
    }
}

/// Whether few of all are looked for, in no session: that has an index of its own.
pub(super) fn is_of_few(filter: &Filter, is_few: bool) -> bool {
    is_few && filter.session.is_none() && filter.trace_id.is_none()
}

fn operations(meant: MeantNames, conditions: &mut Conditions) -> String {
    match meant {
        MeantNames::All => "(SELECT id AS operation FROM operations) k".to_owned(),
        MeantNames::These(ids) => {
            let ids = conditions.value(ids);
            format!("unnest({ids}::bigint[]) AS k (operation)")
        }
    }
}
