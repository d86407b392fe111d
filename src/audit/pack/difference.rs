//! Which lines of a text have changed.

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Kept,
    Removed,
    Added,
}

/// Above so many pairs of lines the middle is told as wholly exchanged: nobody reads such a difference line by line.
const MOST_PAIRS: usize = 4_000_000;
/// Kept lines around a change.
const AROUND: usize = 2;

/// All lines of both texts, in order.
pub fn lines<'a>(before: &'a str, now: &'a str) -> Vec<(Mark, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let mut out: Vec<(Mark, &str)> = old[..start].iter().map(|line| (Mark::Kept, *line)).collect();
    out.extend(middle(&old[start..old.len() - end], &new[start..new.len() - end]));
    out.extend(old[old.len() - end..].iter().map(|line| (Mark::Kept, *line)));
    out
}

/// By the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Mark, &'a str)> {
    let (rows, columns) = (old.len(), new.len());
    if rows.saturating_mul(columns) > MOST_PAIRS {
        let removed = old.iter().map(|line| (Mark::Removed, *line));
        return removed.chain(new.iter().map(|line| (Mark::Added, *line))).collect();
    }
    let width = columns + 1;
    // How many lines are common from here to the end.
    let mut common = vec![0u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i * width + j] = match old[i] == new[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < rows || j < columns {
        if i < rows && j < columns && old[i] == new[j] {
            out.push((Mark::Kept, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == columns || i < rows && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            out.push((Mark::Removed, old[i]));
            i += 1;
        } else {
            out.push((Mark::Added, new[j]));
            j += 1;
        }
    }
    out
}

/// The changed lines with a few around them; None stands for what was left out.
pub fn excerpt<'a>(all: &[(Mark, &'a str)]) -> Vec<Option<(Mark, &'a str)>> {
    let is_near = |at: usize| {
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(all.len()));
        all[from..to].iter().any(|(mark, _)| *mark != Mark::Kept)
    };
    let mut out: Vec<Option<(Mark, &str)>> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if is_near(at) {
            out.push(Some(*line));
        } else if out.last() != Some(&None) {
            out.push(None);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, now: &str) -> String {
        let sign = |mark| match mark {
            Mark::Kept => ' ',
            Mark::Removed => '-',
            Mark::Added => '+',
        };
        lines(before, now).iter().map(|(mark, line)| format!("{}{line}\n", sign(*mark))).collect()
    }

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(told("a\nb\nc\n", "a\nx\nc\nd\n"), " a\n-b\n+x\n c\n+d\n");
        assert_eq!(told("", "a\n"), "+a\n");
        assert_eq!(told("a\na\n", "a\n"), " a\n-a\n");
        assert_eq!(told("a\nb\n", "b\na\n"), "-a\n b\n+a\n");
    }

    #[test]
    fn what_is_far_from_changes_is_left_out() {
        let before: String = (0..20).map(|n| format!("{n}\n")).collect();
        let now = before.replace("\n10\n", "\nten\n");
        let shown = excerpt(&lines(&before, &now));
        let kept: Vec<&str> = shown.iter().flatten().map(|(_, line)| *line).collect();
        assert_eq!(kept, ["8", "9", "10", "ten", "11", "12"]);
        assert_eq!((shown.first(), shown.last()), (Some(&None), Some(&None)));
    }
}
