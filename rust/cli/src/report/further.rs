//! Figures that are shown beside what is published and not scored: no one can tune to all of them at once.

use downbeat_model::{Context, EventType, Platform, ReasonStart};

use super::{
    events::Observed,
    figure::{Figure, Measured, number},
    listeners::halves as halves_of,
    published,
    sums::{LONGEST, Share, Sums, counted_quantile, quantile, sorted},
    targets::{self, hazard, modern_distance, ranked, top},
    zones::Region,
};

/// A group of figures under way.
struct Group<'a> {
    name: &'static str,
    out: &'a mut Vec<Figure>,
}

impl Group<'_> {
    fn add(&mut self, rows: &'static str, what: impl Into<String>, published: impl Into<String>, measured: Measured) {
        let (what, published) = (what.into(), published.into());
        self.out.push(Figure { group: self.name, rows, what, published, measured });
    }

    fn share(&mut self, rows: &'static str, what: impl Into<String>, published: impl Into<String>, share: Share) {
        self.add(rows, what, published, Measured::over(share.value(), share.of, "observations"));
    }

    /// A value over `n` observations.
    fn value(&mut self, rows: &'static str, what: impl Into<String>, published: &str, value: Option<f64>, n: u64) {
        self.add(rows, what, published, Measured::over(value, n, "observations"));
    }
}

/// Every further figure, in groups.
pub(crate) fn figures(sums: &Sums, observed: &Observed) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut group = |name, fill: fn(&Sums, &Observed, &mut Group<'_>)| {
        fill(sums, observed, &mut Group { name, out: &mut figures });
    };
    group("skips", skips);
    group("skips by ...", skips_by);
    group("plays", plays);
    group("sessions", sessions);
    group("listeners", listeners);
    group("time", time);
    group("popularity", popularity);
    group("reactions", reactions);
    group("places and devices", devices);
    group("dirt", dirt);
    group("between listeners", halves);
    figures
}

fn skips(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    let [after_play, after_skip] = sums.skip_after;
    group.share("", "skipped, after a skip in the session", "far more than after none", after_skip);
    group.share("", "skipped, after a play in the session", "", after_play);
    group.share("", "sessions of 10 plays or more: over 90 % skipped", "some", sums.nearly_all_skipped);
    group.share("", "sessions of 10 plays or more: under 10 % skipped", "some", sums.nearly_none_skipped);
    let skips: u64 = sums.skip_seconds.iter().sum();
    for (seconds, published) in published::SKIP_TIME {
        let by = sums.skip_seconds[..seconds as usize].iter().sum::<u64>() as f64 / skips.max(1) as f64;
        group.value("2", format!("skips made by {seconds} s"), &number(published), Some(by), skips);
    }
    let hours = sums.ms_played as f64 / 3.6e6;
    let skipped = sums.skipped[3].yes;
    group.value("3", "skips an hour of listening", "14.65", Some(skipped as f64 / hours), skipped);
    let long = &sums.long_mixed;
    let ratio = |one: Share, other: Share| Some(one.yes as f64 / other.yes.max(1) as f64);
    group.value(
        "7",
        "skipped within 10 s over within 30 s (published: skip_1 over skip_2, limits unknown), long, mixed sessions",
        "0.816",
        ratio(long.skipped_briefly, long.skipped_early),
        long.skipped_early.yes,
    );
    group.value(
        "7",
        "skipped within 30 s over all skips, long, mixed sessions",
        "0.797",
        ratio(long.skipped_early, long.skipped),
        long.skipped.yes,
    );
}

fn skips_by(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    for (at, &share) in sums.skip_by_position.iter().enumerate() {
        group.share("", format!("play {} of a session", at + 1), if at == 0 { "fewer at first" } else { "" }, share);
    }
    for (&reason, &share) in ReasonStart::ALL.iter().zip(&sums.skip_by_reason_start) {
        group.share("", format!("started by {reason}"), "", share);
    }
    for (hour, &share) in sums.skip_by_hour.iter().enumerate() {
        group.share("", format!("local hour {hour}"), "", share);
    }
    for (name, (&share, published)) in WEEKDAYS
        .into_iter()
        .zip(sums.skip_by_weekday.iter().zip(["lowest", "lowest", "lowest", "", "", "> 0.5", "> 0.5"]))
    {
        group.share("5", name, published, share);
    }
    let platform = |wanted: &[Platform]| {
        wanted
            .iter()
            .map(|platform| sums.skip_by_platform[platform.index()])
            .fold(Share::default(), |sum, one| Share { yes: sum.yes + one.yes, of: sum.of + one.of })
    };
    group.share("6", "mobile (ios, android)", "0.511", platform(&[Platform::Ios, Platform::Android]));
    group.share("6", "desktop", "0.401", platform(&[Platform::Desktop]));
    let long = &sums.long_mixed;
    let mean = long.skipped_early.value().unwrap_or(f64::NAN);
    for (&context, (&share, published)) in
        Context::ALL.iter().zip(long.early_by_context.iter().zip(published::SKIP_BY_CONTEXT))
    {
        // Levels of early skips cannot be compared (their limit is not published), their ratios can.
        let ratio = share.value().map(|value| value / mean);
        let published = number(published / 0.517);
        let what = format!("{context}: early skips over their mean, long, mixed sessions");
        group.value("14", what, &published, ratio, share.of);
    }
    for (name, (share, published)) in
        ["free", "premium"].into_iter().zip(long.early_by_premium.into_iter().zip([0.534, 0.513]))
    {
        let ratio = share.value().map(|value| value / mean);
        let what = format!("{name}: early skips over their mean, long, mixed sessions");
        group.value("15", what, &number(published / 0.517), ratio, share.of);
    }
    let mut bins = [0u64; 7];
    for track in sums.tracks.values() {
        let percent = f64::from(track.skipped_early) * 100.0 / f64::from(track.plays);
        let bin = match percent {
            0.0 => 0,
            100.0 => 6,
            _ => (percent / 20.0) as usize + 1,
        };
        bins[bin] += 1;
    }
    let tracks = sums.tracks.len() as u64;
    let names = ["0 %", "1-19 %", "20-39 %", "40-59 %", "60-79 %", "80-99 %", "100 %"];
    let of_tracks = [".099", ".017", ".164", ".418", ".181", ".025", ".097"];
    for ((name, published), count) in names.into_iter().zip(of_tracks).zip(bins) {
        let what = format!("tracks skipped early in {name} of their plays (the ends are tracks with few plays)");
        group.value("17", what, published, Some(count as f64 / tracks.max(1) as f64), tracks);
    }
}

fn plays(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    group.share("18", "f = 0", "0.074", sums.at_zero);
    let fraction = counted_quantile(&sums.fractions, 0.5).map(|hundredths| hundredths / 100.0);
    group.value("18", "f: median", "1.00", fraction, sums.with_fraction);
    let [organic, algorithmic] = sums.half_by_algorithmic;
    group.share("19", "f >= 0.5, chosen by an algorithm (radio, personalized)", "0.681", algorithmic);
    group.share("19", "f >= 0.5, all others", "0.587", organic);
    let n = sums.context.of();
    let long = &sums.long_mixed.context;
    let to_2018 = long.distance(&published::CONTEXT);
    group.value("23", "context: total variation to the mix of 2018, long, mixed sessions", "0", to_2018, long.of());
    group.value("54", "context: total variation to today's mix", "0", modern_distance(sums), n);
    let shares = sums.context.shares();
    for (&context, published) in Context::ALL.iter().zip(published::CONTEXT) {
        let share = shares.map(|shares| shares[context.index()]);
        group.value("23", format!("plays from {context}"), &number(published), share, n);
    }
    let algorithmic = shares.map(|s| s[Context::Radio.index()] + s[Context::PersonalizedPlaylist.index()]);
    group.value("54", "plays chosen by an algorithm", "0.49 today, 0.14 in 2018", algorithmic, n);
    group.share("25", "shuffle on, long, mixed sessions", "0.309", sums.long_mixed.shuffle);
    let pauses = sums.pauses.shares();
    let n = sums.pauses.of();
    for (at, (what, published)) in [
        ("pause before a play: under 1 s", "0.765 (limits unknown)"),
        ("pause before a play: 1 s to 1 min", "0.144 (limits unknown)"),
        ("pause before a play: longer", "0.171 (limits unknown)"),
    ]
    .into_iter()
    .enumerate()
    {
        group.value("27", what, published, pauses.map(|shares| shares[at]), n);
    }
    let played: u64 = sums.durations.iter().sum();
    for (name, share, published) in [("p25", 0.25, "183.5"), ("p50", 0.5, "212.0"), ("p75", 0.75, "240.8")] {
        let seconds = counted_quantile(&sums.durations, share);
        group.value("29", format!("seconds of played tracks: {name}"), published, seconds, played);
    }
    let years = sums.release_years.shares();
    let n = sums.release_years.of();
    for (at, (name, published)) in [
        ("this year", ".396"),
        ("last year", ".199"),
        ("two years ago", ".094"),
        ("three years ago", ".062"),
        ("before", ".249"),
    ]
    .into_iter()
    .enumerate()
    {
        let share = years.map(|shares| shares[at]);
        group.value("30", format!("plays of tracks released {name} (published: in July)"), published, share, n);
    }
}

fn sessions(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    let at_least = |plays: usize| sums.session_plays[plays..].iter().sum::<u64>();
    let all = at_least(1);
    let total: u64 = sums.session_plays.iter().enumerate().map(|(plays, &n)| plays as u64 * n).sum();
    let mean = Some(total as f64 / all.max(1) as f64);
    group.value("31", format!("plays a session: mean (over {LONGEST} counts as {LONGEST})"), "", mean, all);
    group.value("31", "plays a session: median", "", counted_quantile(&sums.session_plays, 0.5).map(f64::floor), all);
    group.value("31", "sessions with 10 plays or more", "", Some(at_least(10) as f64 / all.max(1) as f64), all);
    let ten = at_least(10);
    let mut published = 1.0;
    for plays in 11..=20 {
        published -= published::SESSION_PLAYS[plays - 11];
        let reach = Some(at_least(plays) as f64 / ten.max(1) as f64);
        group.value("31", format!("sessions of 10 plays that reach {plays}"), &number(published), reach, ten);
    }
    for (plays, published) in [(10, "0.088"), (12, "0.081"), (14, "0.073"), (16, "0.065"), (18, "0.058"), (19, "0.055")]
    {
        group.value("32", format!("hazard of ending at play {plays}"), published, hazard(sums, plays), at_least(plays));
    }
    let long = &sums.long_mixed;
    group.share("24", "context switches before a play, long, mixed sessions", "0.0409", long.context_switches);
    let contexts = Some(long.contexts as f64 / long.sessions.max(1) as f64);
    group.value("24", "contexts a session, long, mixed sessions", "1.29", contexts, long.sessions);
    group.share("25", "sessions that change shuffle, long, mixed sessions", "0.12", long.shuffle_changes);
}

fn listeners(sums: &Sums, observed: &Observed, group: &mut Group<'_>) {
    let gaps = sorted(sums.half_gaps.iter().copied());
    let n = gaps.len() as u64;
    group.value("34", "seconds between plays of f >= 0.5: p90", "795", quantile(&gaps, 0.9), n);
    let over = gaps.len() - gaps.partition_point(|&seconds| seconds <= 1800.0);
    let over = Some(over as f64 / gaps.len().max(1) as f64);
    group.value("34", "... over 30 minutes", "0.077", over, n);
    let counted = || sums.listeners.iter().filter(|listener| listener.counted(observed));
    let plays = sorted(counted().map(|listener| listener.plays as f64));
    let n = plays.len() as u64;
    let scale = 300.0 / observed.days();
    group.value(
        "35",
        "plays a listener in 300 days (in proportion): median",
        "3,076",
        quantile(&plays, 0.5).map(|p| p * scale),
        n,
    );
    group.value(
        "35",
        "plays a listener in 300 days (in proportion): p90",
        "12,956",
        quantile(&plays, 0.9).map(|p| p * scale),
        n,
    );
    let days: u64 = sums.listeners.iter().map(|listener| listener.active_days).sum();
    let per_day = |total: f64| Some(total / days.max(1) as f64);
    group.value("37", "plays a listener's active day", "43.2", per_day(sums.plays as f64), days);
    group.value("37", "minutes a listener's active day", "95.1", per_day(sums.ms_played as f64 / 60_000.0), days);
    let half = sorted(sums.day_half_plays.iter().copied().filter(|&plays| plays > 0));
    let n = half.len() as u64;
    let mean = Some(half.iter().sum::<f64>() / half.len().max(1) as f64);
    group.value("37", "plays of f >= 0.5 on a day that has any: median", "18", quantile(&half, 0.5), n);
    group.value("37", "... mean", "31 to 34", mean, n);
    group.value("37", "... p90", "73 to 75", quantile(&half, 0.9), n);
    for ((share, day), published) in sums.returns.into_iter().zip([1, 7, 30]).zip(["0.547", "0.497", "0.446"]) {
        group.share("38", format!("listeners active {day} days after the first seen day"), published, share);
    }
    let artists = sorted(sums.week_artists.iter().copied());
    let mean = Some(artists.iter().sum::<f64>() / artists.len().max(1) as f64);
    group.value(
        "55",
        "artists a listener heard in a week (of weeks with plays): mean",
        "30 to 41",
        mean,
        artists.len() as u64,
    );
    for ((distinct, plays), after) in sums.distinct_after.into_iter().zip([10, 100, 1000]) {
        let (_, n, published) = published::REPEATS;
        let expected = f64::from(after).powf(published.ln() / n.ln());
        group.value(
            "52",
            format!("distinct tracks in a listener's first {after} plays of f >= 0.5"),
            &format!("{} (our curve)", number(expected)),
            Some(distinct as f64 * f64::from(after) / plays.max(1) as f64),
            plays / after as u64,
        );
    }
}

/// Days of the week, the first first.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn time(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    let n = sums.weekdays.of();
    let shares = sums.weekdays.shares();
    for (at, name) in WEEKDAYS.into_iter().enumerate() {
        let value = shares.map(|shares| shares[at] * 7.0);
        group.value("42", format!("plays on {name}, over the mean"), "0.89 to 1.09", value, n);
    }
    for (weekend, name) in ["weekdays", "weekends"].into_iter().enumerate() {
        let mix = sums.hours_by_weekend[weekend];
        for (hour, published) in published::HOURS.into_iter().enumerate() {
            let published = if weekend == 1 { number(published) } else { String::new() };
            let share = mix.shares().map(|shares| shares[hour]);
            let row = if weekend == 1 { "39, 41" } else { "41" };
            group.value(row, format!("plays in local hour {hour}, {name}"), &published, share, mix.of());
        }
    }
}

fn popularity(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    let ranks = ranked(&sums.tracks, |track| u64::from(track.plays));
    let plays: u64 = ranks.iter().sum();
    let tracks = ranks.len();
    for (what, top_ranks, published) in [
        ("top 0.1 % of tracks", tracks / 1000, "0.471 at 2e9 plays"),
        ("top 10 % of tracks", tracks / 10, "0.952 at 2e9 plays"),
        ("top 10 tracks", 10, "0.023"),
        ("top 100 tracks", 100, "0.106"),
        ("top 1,000 tracks", 1_000, "0.310"),
        ("top 10,000 tracks", 10_000, "0.611"),
        ("top 100,000 tracks", 100_000, "0.866 at 2e9 plays"),
    ] {
        group.value("44", format!("plays of the {what}"), published, Some(top(&ranks, top_ranks.max(1))), plays);
    }
    // What a tenth of the plays, drawn at random, would hold: sum of 1 - 0.9^plays over tracks.
    let tenth: f64 = ranks.iter().map(|&plays| 1.0 - 0.9f64.powf(plays as f64)).sum();
    let exponent = (tracks as f64 / tenth).log10();
    group.value("", "exponent of distinct tracks on plays, over the last tenfold (Heaps)", "", Some(exponent), plays);
    group.value("48", "distinct tracks", "877,000 in 4.65e7 plays", Some(tracks as f64), plays);
    let artists = targets::ranked(&sums.artists, |&plays| plays);
    let n = artists.iter().sum();
    for (ranks, published) in [(10, "0.049"), (100, "0.190"), (1000, "0.501")] {
        group.value("49", format!("plays of the top {ranks} artists"), published, Some(top(&artists, ranks)), n);
    }
}

fn reactions(sums: &Sums, observed: &Observed, group: &mut Group<'_>) {
    let reacting: Vec<_> = sums.listeners.iter().filter(|l| l.likes + l.dislikes + l.unlikes > 0).collect();
    let all = sums.listeners.len() as u64;
    let share = Share { yes: reacting.len() as u64, of: all };
    let of = format!("in {} days; published: in 300", number(observed.days()));
    group.share("57", format!("listeners who react at all, {of}"), "0.857", share);
    for (name, count, published) in [
        ("likes", (|l| l.likes) as fn(&super::listeners::Listener) -> u64, ["45", "269", "409"]),
        ("dislikes", |l| l.dislikes, ["4", "30", "60"]),
        ("unlikes", |l| l.unlikes, ["15", "111", "201"]),
    ] {
        let counts = sorted(reacting.iter().map(|l| count(l)).filter(|&count| count > 0).map(|count| count as f64));
        for ((quantile_name, share), published) in
            [("p50", 0.5), ("p90", 0.9), ("p95", 0.95)].into_iter().zip(published)
        {
            let what = format!("{name} a listener who has any: {quantile_name}, {of}");
            group.value("57", what, published, quantile(&counts, share), counts.len() as u64);
        }
    }
    for (&context, likes) in Context::ALL.iter().zip(sums.likes_by_context) {
        let rate = likes.value().map(|rate| rate * 1000.0);
        group.value("56", format!("likes per 1,000 plays from {context}"), "", rate, likes.of);
    }
    group.share("54", "likes of what an algorithm chose", "0.423", sums.liked_algorithmic);
    group.share("", "dislikes of a track that is on, or ended within 10 minutes", "most", sums.dislike_follows_play);
    let edits: u64 = [EventType::PlaylistCreate, EventType::PlaylistAdd, EventType::PlaylistRemove]
        .iter()
        .map(|kind| sums.kinds[kind.index()])
        .sum();
    let per = Some(edits as f64 * 1000.0 / sums.plays.max(1) as f64);
    group.value("", "changes of playlists per 1,000 plays", "", per, sums.plays);
    let lengths = sorted(sums.playlists.iter().map(|list| list.length as f64));
    let windows = sorted(sums.playlists.iter().map(|list| list.edit_windows as f64));
    let n = lengths.len() as u64;
    group.value("60", "tracks in a playlist of any age: median", "49 of grown ones", quantile(&lengths, 0.5), n);
    group.value(
        "61",
        "sittings a playlist of any age was edited in: median",
        "10 of grown ones",
        quantile(&windows, 0.5),
        n,
    );
}

fn devices(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    let shares = sums.regions.shares();
    for (region, published) in Region::ALL.into_iter().zip(["0.27", "0.22", "0.175", "0.33"]) {
        let share = shares.map(|shares| shares[region as usize]);
        group.value("64", format!("listeners: {}", region.text()), published, share, sums.regions.of());
    }
    let shares = sums.platforms.shares();
    for &platform in Platform::ALL {
        let published = match platform {
            Platform::Ios | Platform::Android => "0.52 together, tablets included (2015)",
            Platform::Desktop => "0.45 (2015; less since)",
            Platform::Web => "0.03 (2015)",
            _ => "",
        };
        let share = shares.map(|shares| shares[platform.index()]);
        group.value("65", format!("plays on {platform}"), published, share, sums.platforms.of());
    }
}

fn dirt(sums: &Sums, observed: &Observed, group: &mut Group<'_>) {
    group.share("66", "plays by bots", "0.01 to 0.03", sums.bots);
    let mut tracks: Vec<_> = sums.tracks.values().map(|track| (track.plays, track.bot_plays)).collect();
    tracks.sort_unstable_by(|one, other| other.cmp(one));
    let below: u64 = tracks.iter().skip(10_000).map(|&(_, bots)| u64::from(bots)).sum();
    let share = Share { yes: below, of: tracks.iter().map(|&(_, bots)| u64::from(bots)).sum() };
    group.share("66", "of those, below the top 10,000 tracks", "> 0.80", share);
    group.share("66", "of those, from desktop", "0.65", sums.bot_desktop);
    let heavy = sums.day_plays.iter().filter(|&&plays| plays > 400).count() as u64;
    let share = Share { yes: heavy, of: sums.day_plays.len() as u64 };
    group.share("66", "active days of listeners with over 400 plays", "", share);
    let read = observed.read;
    let known = |known: bool, yes: u64, what: &str| match known {
        true => Measured::over(Some(yes as f64 / read.rows.max(1) as f64), read.rows, "rows"),
        false => Measured::Not(format!("the source does not tell {what}")),
    };
    group.add("67", "duplicate rows", "0.0049", known(read.duplicates_known, read.duplicates, "duplicates"));
    group.add("68", "impossible clocks", "2e-5 of sessions", known(read.clocks_known, read.wild_clocks, "wild clocks"));
}

fn halves(sums: &Sums, _: &Observed, group: &mut Group<'_>) {
    for (what, correlation, listeners) in halves_of(sums) {
        group.value("55", format!("correlation of {what}"), "near-constant over a year", correlation, listeners);
    }
}
