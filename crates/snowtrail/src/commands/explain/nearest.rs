//! The keys nearest to one that no finding has. Pure.

/// Keys that are named.
const NAMED_MAX: usize = 5;
/// Characters of a key that are compared: the cost is their square, and keys differ early or at their very end.
const COMPARED_CHARS_MAX: usize = 400;
/// Keys that are compared letter by letter, those of the same rule first. With more the rest is not looked at.
const COMPARED_KEYS_MAX: usize = 5_000;

/// The nearest keys, best first: those of which the asked one is a part, then by how many letters differ.
pub fn nearest(asked: &str, known: &[String]) -> Vec<String> {
    let rule = |key: &str| key.split(':').next().unwrap_or_default().to_owned();
    let asked_rule = rule(asked);
    let mut candidates: Vec<&String> = known.iter().collect();
    candidates.sort_by_cached_key(|key| (!key.contains(asked), rule(key) != asked_rule, (*key).clone()));
    candidates.truncate(COMPARED_KEYS_MAX);
    let asked_chars = chars(asked);
    candidates.sort_by_cached_key(|key| {
        (!key.contains(asked), distance(&asked_chars, &chars(key)), (*key).clone())
    });
    candidates.into_iter().take(NAMED_MAX).cloned().collect()
}

fn chars(text: &str) -> Vec<char> {
    text.chars().take(COMPARED_CHARS_MAX).collect()
}

/// How many letters must be added, dropped or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_are_those_with_the_part_then_those_that_differ_least() {
        let known: Vec<String> =
            ["a:1|prod/x|2026", "a:1|prod/y|2026", "b:1|prod/z|2026", "c:other"].map(str::to_owned).to_vec();
        assert_eq!(nearest("prod/z", &known)[0], "b:1|prod/z|2026");
        assert_eq!(nearest("a:1|prod/yy|2026", &known)[0], "a:1|prod/y|2026");
        assert!(nearest("x", &[]).is_empty());
    }

    #[test]
    fn distance_counts_edits() {
        let distance = |a: &str, b: &str| distance(&chars(a), &chars(b));
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("same", "same")), (3, 3, 0));
    }
}
