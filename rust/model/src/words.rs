//! The closed sets of words in events: event types, contexts, reasons, platforms, and the faults a log may hold.

use crate::UnknownWord;

/// Declares an enum whose cases are words in the data: `ALL`, `text()`, `index()` and `FromStr` come with it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$case_doc])* #[doc = concat!("`", $text, "`")] $case),+ }

        impl $name {
            /// Every case, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word in the data.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }

            /// Position in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|case| case.text() == word).ok_or_else(|| UnknownWord {
                    kind: $kind,
                    word: word.to_owned(),
                    known: Self::ALL.iter().map(|case| case.text()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What a listener did.
    EventType, "event type", {
        Play = "play",
        /// A playback that ended before its track did, by the listener's will.
        Skip = "skip",
        Like = "like",
        Unlike = "unlike",
        Dislike = "dislike",
        PlaylistCreate = "playlist_create",
        PlaylistAdd = "playlist_add",
        PlaylistRemove = "playlist_remove",
    }
);

words!(
    /// Where a track was played from.
    Context, "context", {
        UserCollection = "user_collection",
        Catalog = "catalog",
        EditorialPlaylist = "editorial_playlist",
        Radio = "radio",
        PersonalizedPlaylist = "personalized_playlist",
        Charts = "charts",
    }
);

words!(
    /// Why playback started.
    ReasonStart, "start reason", {
        TrackDone = "trackdone",
        FwdBtn = "fwdbtn",
        BackBtn = "backbtn",
        ClickRow = "clickrow",
        AppLoad = "appload",
        PlayBtn = "playbtn",
        Remote = "remote",
        TrackError = "trackerror",
        EndPlay = "endplay",
    }
);

words!(
    /// Why playback stopped.
    ReasonEnd, "end reason", {
        TrackDone = "trackdone",
        FwdBtn = "fwdbtn",
        BackBtn = "backbtn",
        ClickRow = "clickrow",
        EndPlay = "endplay",
        Remote = "remote",
        TrackError = "trackerror",
        Logout = "logout",
    }
);

words!(
    /// The kind of client behind a raw platform text.
    Platform, "platform", {
        Ios = "ios",
        Android = "android",
        Desktop = "desktop",
        Web = "web",
        Tv = "tv",
        Speaker = "speaker",
        Car = "car",
        Console = "console",
        Wearable = "wearable",
        Other = "other",
    }
);

words!(
    /// What can be wrong with a raw row.
    Fault, "fault", {
        /// An earlier row of the partition again, byte for byte but for the log's own columns.
        Duplicate = "duplicate",
        /// Arrived more than [`LATE_AFTER_US`] after it happened.
        Late = "late",
        /// The event time in another notation (epoch milliseconds, ISO with an offset, …).
        TsFormat = "ts_format",
        /// Control characters, zero-width characters or stray white space in a text.
        DirtyText = "dirty_text",
        /// The country in another notation (`usa`, `us`, …).
        CountryAlias = "country_alias",
        /// The platform in another notation.
        PlatformAlias = "platform_alias",
        /// Event time outside [arrival - [`MAX_BEHIND_US`], arrival + [`MAX_AHEAD_US`]].
        ClockSkew = "clock_skew",
        /// A required column is null or empty.
        MissingField = "missing_field",
        /// `ms_played` is negative or over [`MAX_MS_PLAYED`].
        BadDuration = "bad_duration",
        /// An event type nobody knows.
        UnknownType = "unknown_type",
        /// A malformed UUID, URI or number.
        BadId = "bad_id",
        /// Several columns torn.
        Garbage = "garbage",
        /// A well-formed track that is not in the catalogue.
        OrphanTrack = "orphan_track",
    }
);

/// What a right pipeline does with a faulty row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Leaves it out of the clean table.
    Drop,
    /// Keeps it as it is.
    Keep,
    /// Restores the true value and notes the repair.
    Repair,
    /// Puts it aside under the name of the broken rule.
    Quarantine,
}

impl Fault {
    /// What a right pipeline does with a row that has this fault.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Duplicate => Outcome::Drop,
            Self::Late | Self::OrphanTrack => Outcome::Keep,
            Self::TsFormat | Self::DirtyText | Self::CountryAlias | Self::PlatformAlias => Outcome::Repair,
            Self::ClockSkew
            | Self::MissingField
            | Self::BadDuration
            | Self::UnknownType
            | Self::BadId
            | Self::Garbage => Outcome::Quarantine,
        }
    }
}

/// An event is late when it arrives more than this after it happened: 10 minutes, in microseconds.
pub const LATE_AFTER_US: i64 = 10 * 60 * 1_000_000;

/// The oldest an event may be on arrival: 10 days, in microseconds (phones may be offline for 7).
pub const MAX_BEHIND_US: i64 = 10 * 24 * 3600 * 1_000_000;

/// How far a client's clock may run ahead of the collector's: 5 minutes, in microseconds.
pub const MAX_AHEAD_US: i64 = 5 * 60 * 1_000_000;

/// The longest playback that is believed: 24 hours, in milliseconds.
pub const MAX_MS_PLAYED: i64 = 24 * 3600 * 1000;

/// A playback of at least this long is a stream: 30 seconds, in milliseconds (the music industry's rule).
pub const STREAM_MS: i64 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for &fault in Fault::ALL {
            assert_eq!(fault.text().parse(), Ok(fault));
            assert_eq!(Fault::ALL[fault.index()], fault);
        }
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = "stop".parse::<EventType>().unwrap_err().to_string();
        assert!(error.starts_with("no event type is called 'stop'; known: play, skip, like"), "{error}");
    }
}
