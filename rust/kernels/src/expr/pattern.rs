//! `LIKE` and `RLIKE`: Spark's patterns as patterns of the regex crate that find the same.
//!
//! `RLIKE` asks whether a Java regular expression is found anywhere in the text. Taken are the parts of Java's syntax whose meaning
//! is certain to be the same here, rewritten where the two differ:
//! - literal characters, `\` before punctuation, `\t \n \r \f \a`, `\xhh`, `\uhhhh`, `.` (no line terminator: `\n \r \u0085 \u2028 \u2029`);
//! - `\d \w \s \D \W \S` (ASCII, as in Java), classes `[a-z_]` and `[^…]` of characters, ranges and those;
//! - `* + ? {n} {n,} {n,m}`, also reluctant (`*?`), on one character, class or group;
//! - groups `( )` and `(?: )`, `|`, `^`, `\A`, `\z`, and `$` at the end of the pattern or of an alternative (before a last line
//!   terminator too, as in Java).
//!
//! All else is refused: flags, named groups, look-around, back references, possessive quantifiers, word boundaries, `\p{…}`, `\Q…\E`,
//! nested or intersected classes.

use regex::Regex;
use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, GroupKind, Literal, LiteralKind,
    RepetitionKind, RepetitionRange, SpecialLiteralKind, parse::Parser,
};

/// What ends a line in Java.
const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    /// The pattern has a `$`, which also matches before the text's last line terminator.
    before_line_end: bool,
}

impl Pattern {
    pub(crate) fn found_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
            || (self.before_line_end && without_line_end(text).is_some_and(|text| self.regex.is_match(text)))
    }
}

fn without_line_end(text: &str) -> Option<&str> {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']))
}

fn compile(regex: &str, before_line_end: bool) -> Result<Pattern, String> {
    match Regex::new(regex) {
        Ok(regex) => Ok(Pattern { regex, before_line_end }),
        Err(error) => Err(format!("the pattern cannot be compiled: {error}")),
    }
}

/// `%` for any text, `_` for any one character, `\` before one of the three for itself.
pub(crate) fn like(pattern: &str) -> Result<Pattern, String> {
    let mut regex = String::from(r"(?s)\A");
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => match characters.next() {
                Some(escaped @ ('%' | '_' | '\\')) => regex.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                _ => return Err(format!(r"LIKE pattern '{pattern}': '\' must stand before '%', '_' or '\'")),
            },
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push_str(r"\z");
    compile(&regex, false)
}

/// A Java regular expression, within the limits above.
pub(crate) fn java(pattern: &str) -> Result<Pattern, String> {
    let refused = |reason: String| format!("RLIKE pattern '{pattern}': {reason}");
    let ast = Parser::new().parse(pattern).map_err(|error| refused(error.kind().to_string()))?;
    let mut translation = Translation { source: pattern, regex: String::new(), before_line_end: false };
    translation.add(&ast, Place::Last).map_err(refused)?;
    compile(&translation.regex, translation.before_line_end).map_err(refused)
}

/// Whether anything can follow a part of the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Inner,
    Last,
}

struct Translation<'a> {
    source: &'a str,
    regex: String,
    before_line_end: bool,
}

impl Translation<'_> {
    fn add(&mut self, ast: &Ast, place: Place) -> Result<(), String> {
        match ast {
            Ast::Empty(_) => {}
            Ast::Literal(literal) => self.literal(literal)?,
            Ast::Dot(_) => self.regex.push_str(&format!("[^{LINE_ENDS}]")),
            Ast::Assertion(assertion) => self.assertion(assertion, place)?,
            Ast::ClassPerl(class) => self.perl(class)?,
            Ast::ClassBracketed(class) => {
                self.regex.push_str(if class.negated { "[^" } else { "[" });
                let ClassSet::Item(item) = &class.kind else {
                    return Err("intersections and differences of classes are not supported".to_owned());
                };
                self.class_item(item)?;
                self.regex.push(']');
            }
            Ast::Repetition(repetition) => {
                if !matches!(
                    *repetition.ast,
                    Ast::Literal(_) | Ast::Dot(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_) | Ast::Group(_)
                ) {
                    return Err("possessive and repeated quantifiers are not supported".to_owned());
                }
                self.add(&repetition.ast, Place::Inner)?;
                let quantifier = match &repetition.op.kind {
                    RepetitionKind::ZeroOrOne => "?".to_owned(),
                    RepetitionKind::ZeroOrMore => "*".to_owned(),
                    RepetitionKind::OneOrMore => "+".to_owned(),
                    RepetitionKind::Range(RepetitionRange::Exactly(n)) => format!("{{{n}}}"),
                    RepetitionKind::Range(RepetitionRange::AtLeast(n)) => format!("{{{n},}}"),
                    RepetitionKind::Range(RepetitionRange::Bounded(n, m)) => format!("{{{n},{m}}}"),
                };
                // Whether a match is found does not depend on greed.
                self.regex.push_str(&quantifier);
            }
            Ast::Group(group) => {
                match &group.kind {
                    GroupKind::CaptureIndex(_) => {}
                    GroupKind::NonCapturing(flags) if flags.items.is_empty() => {}
                    _ => return Err("named groups and flags are not supported".to_owned()),
                }
                self.regex.push_str("(?:");
                self.add(&group.ast, place)?;
                self.regex.push(')');
            }
            Ast::Alternation(alternation) => {
                for (at, part) in alternation.asts.iter().enumerate() {
                    if at > 0 {
                        self.regex.push('|');
                    }
                    self.add(part, place)?;
                }
            }
            Ast::Concat(concat) => {
                for (at, part) in concat.asts.iter().enumerate() {
                    let place = if at + 1 == concat.asts.len() { place } else { Place::Inner };
                    self.add(part, place)?;
                }
            }
            Ast::Flags(_) => return Err("flags are not supported".to_owned()),
            Ast::ClassUnicode(_) => return Err(r"\p classes are not supported".to_owned()),
        }
        Ok(())
    }

    fn literal(&mut self, literal: &Literal) -> Result<(), String> {
        match literal.kind {
            LiteralKind::Verbatim
            | LiteralKind::Meta
            | LiteralKind::HexFixed(_)
            | LiteralKind::HexBrace(_)
            | LiteralKind::Special(
                SpecialLiteralKind::Bell
                | SpecialLiteralKind::FormFeed
                | SpecialLiteralKind::Tab
                | SpecialLiteralKind::LineFeed
                | SpecialLiteralKind::CarriageReturn,
            ) => {}
            // Java: any escaped character that is no letter or digit stands for itself.
            LiteralKind::Superfluous if !literal.c.is_alphanumeric() => {}
            _ => {
                return Err(format!(
                    "'{}' is not supported",
                    &self.source[literal.span.start.offset..literal.span.end.offset]
                ));
            }
        }
        // Written as a code point, a character means nothing else.
        self.regex.push_str(&format!(r"\x{{{:x}}}", u32::from(literal.c)));
        Ok(())
    }

    fn assertion(&mut self, assertion: &Assertion, place: Place) -> Result<(), String> {
        self.regex.push_str(match assertion.kind {
            AssertionKind::StartLine | AssertionKind::StartText => r"\A",
            AssertionKind::EndText => r"\z",
            AssertionKind::EndLine if place == Place::Last => {
                self.before_line_end = true;
                r"\z"
            }
            AssertionKind::EndLine => return Err("'$' is only supported at the end of the pattern".to_owned()),
            _ => return Err("word boundaries are not supported".to_owned()),
        });
        Ok(())
    }

    fn perl(&mut self, class: &ClassPerl) -> Result<(), String> {
        // Java's are ASCII unless told otherwise; `(?-u:\d)` would be too, but not its negation, which may tear characters apart.
        self.regex.push_str(match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Space, false) => r"[ \t\n\x0b\x0c\r]",
            (ClassPerlKind::Space, true) => r"[^ \t\n\x0b\x0c\r]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        });
        Ok(())
    }

    fn class_item(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Literal(literal) => {
                // These mean something in one of the two languages, in one place or another: only escaped they are certain.
                if literal.kind == LiteralKind::Verbatim && matches!(literal.c, '-' | ']' | '[' | '^' | '&' | '~') {
                    return Err(format!(r"'{}' in a class is only supported as '\{}'", literal.c, literal.c));
                }
                self.literal(literal)
            }
            ClassSetItem::Range(range) => {
                self.literal(&range.start)?;
                self.regex.push('-');
                self.literal(&range.end)
            }
            ClassSetItem::Perl(class) => self.perl(class),
            ClassSetItem::Union(union) => union.items.iter().try_for_each(|item| self.class_item(item)),
            _ => Err("nested and named classes are not supported".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> bool {
        java(pattern).unwrap().found_in(text)
    }

    #[test]
    fn like_knows_its_two_wildcards_and_its_escape() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%", "a\nb", true),
            ("a%", "abc", true),
            ("a%", "ba", false),
            ("_", "🎵", true),
            ("_", "\n", true),
            ("_", "ab", false),
            ("a.c", "abc", false),
            (r"100\%", "100%", true),
            (r"100\%", "1000", false),
            (r"a\_b", "a_b", true),
            (r"a\_b", "axb", false),
            (r"a\\b", r"a\b", true),
            ("%b%", "abc", true),
        ] {
            assert_eq!(like(pattern).unwrap().found_in(text), expected, "{pattern} {text:?}");
        }
        for pattern in [r"a\", r"\a"] {
            assert!(like(pattern).unwrap_err().contains("must stand before"), "{pattern}");
        }
    }

    #[test]
    fn rlike_finds_anywhere_as_java_does() {
        for (pattern, text, expected) in [
            ("b", "abc", true),
            ("^b", "abc", false),
            ("c$", "abc", true),
            ("c$", "abc\n", true),
            ("c$", "abc\r\n", true),
            ("c$", "abc\u{85}", true),
            ("c$", "abc\n\n", false),
            (r"c\r$", "c\r\n", false),
            (r"c\z", "c\n", false),
            ("^a$|^b$", "b\n", true),
            ("(a|b$)", "xb\n", true),
            ("a.c", "a\rc", false),
            ("a.c", "a\u{2028}c", false),
            ("a.c", "a🎵c", true),
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢", false),
            (r"^\w+$", "é", false),
            (r"^\s$", "\u{b}", true),
            (r"^\s$", "\u{a0}", false),
            (r"^[^\d]$", "é", true),
            (r"^[a-f\-]+$", "a-f", true),
            (r"\.", ".", true),
            (r"\.", "a", false),
            (r"^a{2,3}?$", "aaa", true),
            ("é{2}", "éé", true),
            (r"\x41\u00e9", "Aé", true),
            ("", "", true),
        ] {
            assert_eq!(found(pattern, text), expected, "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_may_mean_something_else_in_java_is_refused() {
        for pattern in [
            "(?i)a",
            "(?i:a)",
            "(?<n>a)",
            "(?P<n>a)",
            "(?=a)",
            "(?<!a)",
            r"(a)\1",
            "a++",
            "a*+",
            "a{2}{3}",
            r"\bword\b",
            r"\Ba",
            r"\p{L}",
            r"\pL",
            r"\Qa\E",
            "[a[b]]",
            "[a&&b]",
            "[a--b]",
            "[[:alpha:]]",
            "[]a]",
            "[a-]",
            "[^-a]",
            "a$b",
            "(a$)+",
            "^*",
            r"\v",
            r"\h",
            r"\Z",
            r"\e",
            r"\<",
            "(",
            "[a",
            "a{",
            r"\x{110000}",
            r"[\b]",
        ] {
            let refused = java(pattern);
            assert!(refused.is_err(), "{pattern} is taken as {refused:?}");
            assert!(refused.unwrap_err().contains(pattern));
        }
    }
}
