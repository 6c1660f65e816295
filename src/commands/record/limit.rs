//! How many files the recorder may have open at once.

use mcpr_tail::Room;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the store, standard streams, connections, and what watches directories.
const RESERVED: u64 = 32;
/// Kept beside that for connections of the HTTP source, where there are enough.
const ROOMY: u64 = 256;
/// Fewest open files with which a run that reads everything once takes more files than that in turn. One
/// that follows files takes them in turn with any: it has the time.
const FEWEST: u64 = 48;
/// Most files that are open at once, whatever is allowed. It is also what macOS allows at most.
const MOST: u64 = 10_240;

/// Raises the limit on open files as far as that is allowed; says how many files may be read at once.
pub(super) fn room_for_files(follows: bool) -> Room {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(MOST);
    let wanted = hard.min(MOST);
    if limit.current.is_some_and(|soft| soft < wanted) {
        // Without it there is less room.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum: limit.maximum,
            },
        );
    }
    let now = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
    room_under(now, follows)
}

/// How many files may be read at once under a limit on open files.
fn room_under(limit: u64, follows: bool) -> Room {
    let reserved = if limit >= 4 * ROOMY { ROOMY } else { RESERVED };
    let most = limit.min(MOST).saturating_sub(reserved).max(1);
    Room {
        most: usize::try_from(most).unwrap_or(usize::MAX),
        takes_turns: follows || limit >= FEWEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_left_for_the_store() {
        let cases = [
            (20, 1, false),
            (47, 15, false),
            (48, 16, true),
            (64, 32, true),
            (256, 224, true),
            (1024, 768, true),
            (1_048_576, 9984, true),
        ];
        for (limit, most, takes_turns) in cases {
            let room = room_under(limit, false);
            assert_eq!(room, Room { most, takes_turns }, "{limit}");
            let takes_turns = true;
            let room = room_under(limit, true);
            assert_eq!(room, Room { most, takes_turns }, "{limit}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be() {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(MOST);
        let room = room_for_files(false);
        let soft = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
        assert!(soft >= hard.min(MOST));
        assert_eq!(room, room_under(soft, false));
    }
}
