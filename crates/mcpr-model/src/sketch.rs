//! A mergeable sketch of latencies: any quantile within one percent of the true value.
//!
//! Logarithmic buckets as in DDSketch (Masson, Rim, Lee: PVLDB 12(12), 2019): bucket `i` holds the
//! values in `(γ^(i-1), γ^i]`, and the answer `2·γ^i / (γ + 1)` is off by at most α.

/// Counts of values by logarithmic bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// In ascending order, none twice, no count of 0.
    buckets: Vec<(u16, u64)>,
    count: u64,
}

impl Sketch {
    /// The largest relative error of a quantile.
    pub const RELATIVE_ERROR: f64 = 0.01;

    fn gamma() -> f64 {
        (1.0 + Self::RELATIVE_ERROR) / (1.0 - Self::RELATIVE_ERROR)
    }

    /// The bucket of a value; 0 and less share bucket 0, 1 is bucket 1.
    #[must_use]
    pub fn bucket_of(value: i64) -> u16 {
        if value <= 0 {
            return 0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a bucket is one percent wide")]
        // Logarithms make each bucket one percent wide, whether it holds microseconds or hours.
        let index = (value as f64).ln() / Self::gamma().ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "ln(i64::MAX) / ln(gamma) is below 2,200"
        )]
        let index = index.ceil() as u16;
        index + 1
    }

    /// The value that stands for a bucket.
    fn value_of(bucket: u16) -> f64 {
        match bucket {
            0 => 0.0,
            _ => 2.0 * Self::gamma().powi(i32::from(bucket) - 1) / (Self::gamma() + 1.0),
        }
    }

    /// Adds one value.
    pub fn add(&mut self, value: i64) {
        self.add_to(Self::bucket_of(value), 1);
    }

    fn add_to(&mut self, bucket: u16, count: u64) {
        match self
            .buckets
            .binary_search_by_key(&bucket, |&(known, _)| known)
        {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            // Kept in order: it is searched, merged and stored so.
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
        self.count = self.count.saturating_add(count);
    }

    /// Adds everything that another sketch holds.
    pub fn merge(&mut self, other: &Self) {
        let mut from = 0;
        for &(bucket, count) in &other.buckets {
            // Both are in order: the place of each is not far behind that of the last.
            while self
                .buckets
                .get(from)
                .is_some_and(|&(known, _)| known < bucket)
            {
                from += 1;
            }
            match self.buckets.get_mut(from) {
                Some((known, mine)) if *known == bucket => *mine = mine.saturating_add(count),
                _ => self.buckets.insert(from, (bucket, count)),
            }
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// How many values were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value below which a share `q` (0 to 1) of all values lies; `None` when empty.
    ///
    /// The rank is `ceil(q · count)`, at least 1, as in the nearest-rank definition.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of rows is far below 2^52"
        )]
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for &(bucket, count) in &self.buckets {
            seen = count.saturating_add(seen);
            if seen >= rank {
                return Some(Self::value_of(bucket));
            }
        }
        None
    }

    /// The stored form: for each bucket the distance from the last one, and its count, as LEB128.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Most steps and counts are small, and there is a sketch in every rollup.
        let mut bytes = Vec::with_capacity(self.buckets.len() * 3);
        let mut last = 0;
        for &(bucket, count) in &self.buckets {
            push_leb128(&mut bytes, u64::from(bucket - last));
            push_leb128(&mut bytes, count);
            last = bucket;
        }
        bytes
    }

    /// Reads the stored form; `None` when the bytes are not a sketch.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut sketch = Self::default();
        let mut bucket = 0_u16;
        while !bytes.is_empty() {
            // What is read may be damaged: no sum of it may overflow.
            let step = u16::try_from(take_leb128(&mut bytes)?).ok()?;
            let count = take_leb128(&mut bytes)?;
            bucket = bucket.checked_add(step)?;
            sketch.count = sketch.count.checked_add(count)?;
            match sketch.buckets.last_mut() {
                // Bytes of a damaged store may say the same bucket twice: each stays there once.
                Some((last, sum)) if *last == bucket => *sum += count,
                _ => sketch.buckets.push((bucket, count)),
            }
        }
        Some(sketch)
    }
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

fn take_leb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    // Ten bytes at most: what goes on longer is not a number of 64 bits.
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the test's values are far below 2^52"
    )]
    fn exact(sorted: &[i64], q: f64) -> f64 {
        let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1] as f64
    }

    #[test]
    fn every_quantile_is_within_one_percent() {
        let seed = mcpr_seed::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20 {
            let mut sketch = Sketch::default();
            let exponent = random.u32(1..12);
            let mut values: Vec<i64> = (0..2_000)
                .map(|_| random.i64(0..10_i64.pow(exponent)))
                .collect();
            for &value in &values {
                sketch.add(value);
            }
            values.sort_unstable();
            for q in [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
                let (got, want) = (sketch.quantile(q).expect("not empty"), exact(&values, q));
                assert!(
                    (got - want).abs() <= want * 0.010_001,
                    "q {q}: {got} for {want}"
                );
            }
        }
    }

    #[test]
    fn merging_is_adding() {
        let (mut left, mut right, mut both) = Default::default();
        for value in 0..5_000_i64 {
            let part: &mut Sketch = if value % 3 == 0 {
                &mut left
            } else {
                &mut right
            };
            part.add(value * value);
            Sketch::add(&mut both, value * value);
        }
        left.merge(&right);
        assert_eq!(left, both);
    }

    #[test]
    fn the_stored_form_reads_back() {
        let mut sketch = Sketch::default();
        for value in [0, 0, 1, 2, 500, 1_000_000, i64::MAX] {
            sketch.add(value);
        }
        assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Some(sketch));
        assert_eq!(Sketch::from_bytes(&[0x80]), None);
        assert_eq!(Sketch::from_bytes(&[0xff; 32]), None);
    }

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
