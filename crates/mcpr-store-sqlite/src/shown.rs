//! Texts as they are read: what is too long to be shown is not read, or not whole.
//!
//! A name stands in a store once, and is read with each row that refers to it. Names are cut when they are
//! recorded; but stores of mcpr 0.6.0 have longer ones, and in a file that was made on purpose one name of
//! megabytes would be read as often as there are rows.

/// The SQL of a text of a row: the text itself up to 4 KiB, its beginning up to 64 KiB, and a remark in the
/// place of what is longer. `$row` is the number of the row that it stands in, so that two texts which begin
/// alike are distinguished.
// The lengths are asked for first: SQLite then reads nothing of the text.
macro_rules! shown {
    ($text:literal, $row:literal) => {
        concat!(
            "CASE WHEN octet_length(",
            $text,
            ") <= 4096 THEN ",
            $text,
            " WHEN octet_length(",
            $text,
            ") <= 65536 THEN substr(",
            $text,
            ", 1, 1000) || '… (' || octet_length(",
            $text,
            ") || ' bytes, number ' || ",
            $row,
            " || ')' WHEN ",
            $text,
            " IS NULL THEN NULL ELSE '(too long to show: ' || octet_length(",
            $text,
            ") || ' bytes, number ' || ",
            $row,
            " || ')' END"
        )
    };
}

pub(crate) use shown;
