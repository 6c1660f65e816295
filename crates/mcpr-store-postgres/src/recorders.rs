//! Recorders by their names: whose checkpoints are whose, and that only one at a time has a name.

use crate::connect::Server;
use crate::db::Db;
use crate::errors::DbFault;
use crate::flight::PATIENCE;
use crate::heart::Heart;
use crate::store_row::StoreRow;
use mcpr_store::{StoreError, StoreErrorKind};
use std::hash::{BuildHasher, RandomState};

/// Who a writer writes as.
#[derive(Debug)]
pub(crate) struct NamedRecorder {
    pub(crate) id: i64,
    /// The mark by which it holds the name.
    pub(crate) holder: Option<i64>,
    heart: Option<Heart>,
}

impl NamedRecorder {
    pub(crate) fn new(server: &Server, id: i64, holder: Option<i64>) -> Self {
        let heart = holder.map(|holder| {
            Heart::begin(server, move |db| {
                let sql = "UPDATE recorders SET seen_at = now() WHERE id = $1 AND holder = $2";
                db.execute(sql, &[&id, &holder]).map(drop)
            })
        });
        Self { id, holder, heart }
    }

    /// Stops saying that it is there; says whose name is to be given up.
    pub(crate) fn end(self) -> Option<(i64, i64)> {
        drop(self.heart);
        Some((self.id, self.holder?))
    }
}

/// A mark that no other process has.
pub(crate) fn new_holder() -> i64 {
    RandomState::new()
        .hash_one(std::process::id())
        .cast_signed()
        | 1
}

/// When it was last stated that somebody has a name, in microseconds of the server's clock.
pub(crate) fn reported_at(db: &mut Db, name: &str) -> Result<Option<i64>, DbFault> {
    let sql = "SELECT (extract(epoch FROM seen_at) * 1000000)::bigint FROM recorders WHERE name = $1 AND holder <> 0";
    let row = db.row(sql, &[&name.as_bytes()])?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The number of a recorder's name, given out if it is new; taken by a holder, where one is named.
pub(crate) fn take(db: &mut Db, name: &str, holder: Option<i64>) -> Result<i64, DbFault> {
    let sql = format!(
        "SELECT id, holder <> 0 AND seen_at > now() - {PATIENCE} FROM recorders WHERE name = $1"
    );
    // A tap only needs the number, and takes no lock for it.
    if holder.is_none()
        && let Some(known) = db.row(&sql, &[&name.as_bytes()])?
    {
        return Ok(known.try_get(0)?);
    }
    // Under the lock, so that of two that begin at once one is the second.
    let mut row = StoreRow::lock(db)?;
    let id = match db.row(&sql, &[&name.as_bytes()])? {
        Some(known) if holder.is_some() && known.try_get(1)? => return Err(in_use(name)),
        Some(known) => known.try_get(0)?,
        None => {
            let id = row.next_id();
            db.execute(
                "INSERT INTO recorders (id, name, holder, seen_at) VALUES ($1, $2, 0, now())",
                &[&id, &name.as_bytes()],
            )?;
            id
        }
    };
    if let Some(holder) = holder {
        let sql = "UPDATE recorders SET holder = $2, seen_at = now() WHERE id = $1";
        db.execute(sql, &[&id, &holder])?;
    }
    row.write(db)?;
    Ok(id)
}

fn in_use(name: &str) -> DbFault {
    let message = format!("another recorder called `{name}` writes this store");
    StoreError::new(StoreErrorKind::InUse, message)
        .hint("stop it, or give this one another name with --writer; one that was killed is forgotten after 30 s")
        .into()
}

/// Checks that a holder still has its name: it is taken over when nothing is heard of it for so long.
pub(crate) fn check(db: &mut Db, id: i64, holder: i64) -> Result<(), DbFault> {
    let row = db.row("SELECT holder, name FROM recorders WHERE id = $1", &[&id])?;
    // Nobody removes it but by hand.
    let Some(row) = row else {
        return Err(DbFault::damaged("the name of this recorder is gone"));
    };
    if row.try_get::<_, i64>(0)? == holder {
        return Ok(());
    }
    Err(in_use(&crate::values::string(&row, 1)?))
}

/// Gives a name up for the next one.
pub(crate) fn give_up(db: &mut Db, id: i64, holder: i64) -> Result<(), DbFault> {
    // Only its own: another one may have taken it over.
    let sql = "UPDATE recorders SET holder = 0 WHERE id = $1 AND holder = $2";
    db.execute(sql, &[&id, &holder]).map(drop)
}
