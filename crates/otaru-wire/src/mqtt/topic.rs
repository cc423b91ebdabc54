//! What a topic and a topic filter may look like (MQTT 3.1.1 and 5, section 4.7).

/// The longest topic or filter, in bytes.
const MAX_BYTES: usize = 65_535;

/// Can a message be published on it? Not empty, no wildcard, no U+0000.
pub(super) fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_BYTES && !text.contains(['+', '#', '\0'])
}

/// Can it be subscribed to? `+` fills a whole level, `#` the whole last one.
pub(super) fn is_filter(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_BYTES || text.contains('\0') {
        return false;
    }
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        let last = levels.peek().is_none();
        let well_formed = match level {
            "+" => true,
            "#" => last,
            _ => !level.contains(['+', '#']),
        };
        if !well_formed {
            return false;
        }
    }
    true
}

/// Does a filter match a topic? One that is malformed matches nothing; a topic that begins with `$` is matched by no
/// wildcard at its beginning.
pub fn filter_matches(filter: &str, topic: &str) -> bool {
    if !is_filter(filter) || !is_topic(topic) || topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_no_part_of_a_topic() {
        assert!(is_topic("/ota/device/inform/pk/dn"));
        for bad in ["", "a/#", "a/+/b", "a\0b", &"x".repeat(65_536)] {
            assert!(!is_topic(bad));
        }
    }

    #[test]
    fn a_filter_matches_as_mqtt_says() {
        for (filter, topic) in [
            ("/ota/device/upgrade/+/+", "/ota/device/upgrade/pk/dn"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("+/+", "/a"),
            ("#", "a/b"),
            ("a/b", "a/b"),
        ] {
            assert!(filter_matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("a", "a/"),
            ("#", "$SYS/x"),
            ("a#", "a"),
            ("a", "+"),
            ("+", "+"),
        ] {
            assert!(!filter_matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn wildcards_fill_whole_levels_of_a_filter() {
        for good in ["#", "+", "a/+/b", "a/#", "/", "/ota/device/upgrade/+/+"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a/#/b", "a#", "a/b+", "#/a", "a\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
