//! Which blocks to merge next.
//!
//! Blocks that overlap come first. Then time is divided into windows of three times the shortest range, nine
//! times, and so on, aligned to the epoch; the blocks of a window that lies in the past become one.

use crate::block::BlockMeta;

/// How many ranges of one length make the next one.
const STEP: i64 = 3;

/// The lengths of blocks, ms, from `min` to at most `max`.
pub(crate) fn ranges(min: i64, max: i64) -> Vec<i64> {
    std::iter::successors(Some(min.max(1)), |range| range.checked_mul(STEP))
        .take_while(|r| *r <= max)
        .collect()
}

/// The positions of the blocks to merge, none when there is nothing to do. `blocks` are in order of their
/// first timestamp, `ranges` ascend and the first is that of a block cut from the head; a block that is not
/// `free` is left alone.
pub(crate) fn plan(blocks: &[&BlockMeta], ranges: &[i64], free: impl Fn(&BlockMeta) -> bool) -> Vec<usize> {
    let overlapping = overlapping(blocks, &free);
    if !overlapping.is_empty() {
        return overlapping;
    }
    // The newest block says up to when everything is in blocks, and stays for itself: whoever copies blocks
    // away finds it as it was cut.
    let Some(newest) = blocks.last() else { return Vec::new() };
    for range in ranges.iter().skip(1) {
        let window = |meta: &BlockMeta| meta.min_time.div_euclid(*range);
        let mut start = 0;
        for group in blocks.chunk_by(|a, b| window(a) == window(b)) {
            let positions = start..start + group.len();
            start = positions.end;
            let end = group.first().map_or(i64::MAX, |meta| (window(meta) + 1).saturating_mul(*range));
            if end > newest.min_time || !group.iter().all(|meta| free(meta)) {
                continue;
            }
            // One that reaches out of the window is longer than it.
            let within: Vec<usize> =
                positions.zip(group).filter(|(_, meta)| meta.max_time <= end).map(|(at, _)| at).collect();
            if within.len() > 1 {
                return within;
            }
        }
    }
    Vec::new()
}

/// The first blocks that overlap each other, directly or through others.
fn overlapping(blocks: &[&BlockMeta], free: &impl Fn(&BlockMeta) -> bool) -> Vec<usize> {
    let mut group: Vec<usize> = Vec::new();
    let mut end = i64::MIN;
    let wanted = |group: &[usize]| {
        group.len() > 1 && group.iter().all(|at| blocks.get(*at).is_some_and(|meta| free(meta)))
    };
    for (at, meta) in blocks.iter().enumerate() {
        if meta.min_time >= end {
            if wanted(&group) {
                return group;
            }
            group.clear();
        }
        group.push(at);
        end = end.max(meta.max_time);
    }
    if wanted(&group) { group } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{BlockStats, Compaction, Shaped};
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;
    const NONE: [usize; 0] = [];

    fn meta(name: usize, min: i64, max: i64) -> BlockMeta {
        let (ulid, stats, compaction) = (name.to_string(), BlockStats::default(), Compaction::default());
        BlockMeta {
            ulid,
            min_time: min,
            max_time: max,
            stats,
            compaction,
            rules: Shaped::default(),
            format: String::new(),
            version: 3,
        }
    }

    fn plan_of(blocks: &[(i64, i64)], max: i64) -> Vec<usize> {
        let metas: Vec<BlockMeta> =
            blocks.iter().enumerate().map(|(n, (min, max))| meta(n, min * HOUR, max * HOUR)).collect();
        plan(&metas.iter().collect::<Vec<_>>(), &ranges(2 * HOUR, max * HOUR), |_| true)
    }

    #[test]
    fn lengths_are_multiples_of_three_up_to_the_longest() {
        assert_eq!(ranges(2, 60), [2, 6, 18, 54]);
        assert_eq!(ranges(2, 53), [2, 6, 18]);
        assert!(ranges(5, 2).is_empty());
        assert_eq!(ranges(0, 4), [1, 3]);
    }

    #[test]
    fn a_window_is_merged_once_a_block_lies_behind_it() {
        assert_eq!(plan_of(&[], 54), NONE);
        assert_eq!(plan_of(&[(0, 2), (2, 4), (4, 6)], 54), NONE);
        assert_eq!(plan_of(&[(0, 2), (2, 4), (4, 6), (6, 8)], 54), [0, 1, 2]);
        assert_eq!(plan_of(&[(0, 2), (4, 6), (100, 102)], 54), [0, 1], "with a gap");
        assert_eq!(plan_of(&[(0, 2), (6, 8), (8, 10)], 54), NONE, "one in its window");
        assert_eq!(plan_of(&[(0, 2), (2, 4), (4, 6), (6, 8)], 5), NONE, "no longer range is allowed");
        assert_eq!(plan_of(&[(-6, -4), (-4, -2), (0, 2)], 54), [0, 1], "before the epoch");
    }

    #[test]
    fn short_windows_come_before_long_ones() {
        let blocks = [(0, 6), (6, 12), (12, 14), (14, 16), (16, 18), (18, 20)];
        assert_eq!(plan_of(&blocks, 54), [2, 3, 4]);
        assert_eq!(plan_of(&[(0, 6), (6, 12), (12, 18), (18, 20)], 54), [0, 1, 2]);
        assert_eq!(plan_of(&[(0, 18), (18, 20), (20, 22), (24, 26)], 54), [1, 2]);
    }

    #[test]
    fn blocks_that_overlap_come_first_and_together() {
        assert_eq!(plan_of(&[(0, 2), (2, 4), (3, 5), (4, 6), (6, 8), (10, 12)], 54), [1, 2, 3]);
        assert_eq!(plan_of(&[(0, 18), (2, 4), (18, 20)], 54), [0, 1]);
        assert_eq!(plan_of(&[(0, 2), (0, 2)], 54), [0, 1], "the newest, too");
    }

    #[test]
    fn what_is_not_free_keeps_its_window_as_it_is() {
        let metas: Vec<BlockMeta> =
            (0..8).map(|n| meta(n, n as i64 * 2 * HOUR, (n as i64 + 1) * 2 * HOUR)).collect();
        let metas: Vec<&BlockMeta> = metas.iter().collect();
        assert_eq!(plan(&metas, &ranges(2 * HOUR, 6 * HOUR), |meta| meta.ulid != "1"), [3, 4, 5]);
    }

    proptest! {
        #[test]
        fn merging_ends_with_blocks_that_do_not_overlap(
            blocks in proptest::collection::vec((0i64..200, 1i64..8), 0..40), max in 2i64..100,
        ) {
            let mut metas: Vec<BlockMeta> =
                blocks.iter().enumerate().map(|(n, (min, len))| meta(n, *min, min + len)).collect();
            for _ in 0..=blocks.len() {
                metas.sort_by_key(|meta| meta.min_time);
                let refs: Vec<&BlockMeta> = metas.iter().collect();
                let chosen = plan(&refs, &ranges(2, max), |_| true);
                if chosen.is_empty() {
                    break;
                }
                prop_assert!(chosen.len() > 1 && chosen.is_sorted_by(|a, b| a < b));
                let min = chosen.iter().map(|at| metas[*at].min_time).min().unwrap();
                let max = chosen.iter().map(|at| metas[*at].max_time).max().unwrap();
                let merged = meta(0, min, max);
                for at in chosen.into_iter().rev() {
                    metas.remove(at);
                }
                metas.push(merged);
            }
            metas.sort_by_key(|meta| meta.min_time);
            prop_assert!(metas.windows(2).all(|pair| pair[0].max_time <= pair[1].min_time));
            prop_assert!(plan(&metas.iter().collect::<Vec<_>>(), &ranges(2, max), |_| true).is_empty());
        }
    }
}
