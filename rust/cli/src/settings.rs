//! The file that `--config` names: every setting of a world and of its server, in one schema. `docs/world.example.yaml`
//! shows each with its default, and a test holds the two together.
//!
//! A world's settings stand at the top, the server's under `serve:`. What is not known, has the wrong type or contradicts
//! something else is refused, with its line and the name that was probably meant: a setting that is silently ignored is
//! found out about much later.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use downbeat_flight::{Security, ServerOptions, ServerTls};
use downbeat_model::{nearest, shown};
use downbeat_simulator::{FaultRates, WorldConfig};
use serde::{Deserialize, Deserializer, de, forward_to_deserialize_any};
use serde_norway::{Mapping, Value};

use crate::{
    failure::{Failure, Result},
    world::time,
};

/// The section of the server's settings.
const SERVE: &str = "serve";

/// How `downbeat serve` serves. The flags of the same names say the same.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeSettings {
    /// Address of the Flight service.
    pub(crate) listen: SocketAddr,
    /// Address of health and metrics; absent: none.
    pub(crate) metrics: Option<SocketAddr>,
    /// A file with the tokens of those who may read, one a line; absent: everybody may.
    pub(crate) token_file: Option<PathBuf>,
    /// The server's certificate as PEM, with those that signed it; absent: no TLS.
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key as PEM.
    pub(crate) tls_key: Option<PathBuf>,
    /// Certificates as PEM, one of which must have signed a client's; absent: clients need none.
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Listen where strangers can reach, without token and TLS.
    pub(crate) insecure: bool,
    /// Addresses of all replicas as clients reach them; empty: this server alone.
    pub(crate) replicas: Vec<String>,
    /// The moment at which world time and clock agree, in microseconds since 1970 UTC; absent: when the server starts.
    #[serde(deserialize_with = "moment")]
    pub(crate) anchor: Option<i64>,
    /// Seconds of world time a second of the clock.
    pub(crate) speed: f64,
    /// Events a second instead, over all partitions; absent: as many as the world makes at its speed.
    pub(crate) rate: Option<f64>,
    /// Hours of world time for which rows can be read after their arrival; absent: for ever.
    #[serde(deserialize_with = "retention")]
    pub(crate) retention: Option<u32>,
    /// Reads at once.
    pub(crate) max_reads: usize,
    /// The largest message sent.
    pub(crate) max_message_bytes: usize,
    /// Seconds that reads with an end may go on after the signal to stop.
    pub(crate) drain_seconds: u64,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let ServerOptions { replicas, max_reads, max_message_bytes, drain, metrics, .. } = ServerOptions::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8815)),
            metrics,
            token_file: None,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            insecure: false,
            replicas,
            anchor: None,
            speed: 1.0,
            rate: None,
            retention: None,
            max_reads,
            max_message_bytes,
            drain_seconds: drain.as_secs(),
        }
    }
}

impl ServeSettings {
    /// What the Flight server is told.
    pub(crate) fn options(&self) -> ServerOptions {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        ServerOptions {
            security: Security {
                tokens: self.token_file.clone(),
                tls: tls.map(|(certificate, key)| ServerTls {
                    certificate,
                    key,
                    client_ca: self.tls_client_ca.clone(),
                }),
                insecure: self.insecure,
            },
            replicas: self.replicas.clone(),
            max_reads: self.max_reads,
            max_message_bytes: self.max_message_bytes,
            drain: Duration::from_secs(self.drain_seconds),
            metrics: self.metrics,
        }
    }

    /// Refuses what is out of bounds, or cannot hold together; the Flight server checks the rest.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { listen, metrics, speed, rate, drain_seconds, .. } = self;
        within("speed", *speed, 1e6)?;
        rate.map_or(Ok(()), |rate| within("rate", rate, 1e9))?;
        if *drain_seconds > 3600 {
            return Err(Failure::usage(format!("drain_seconds = {drain_seconds} is not possible; at most 3600")));
        }
        if let Some(rate) = rate.filter(|_| *speed != 1.0) {
            return Err(Failure::usage(format!(
                "speed = {speed} and rate = {rate} contradict each other: the one says how fast world time passes, the \
                 other how many events arrive; set one of them"
            )));
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(Failure::usage("tls_cert and tls_key belong together; give both, or neither".to_owned()));
        }
        if self.tls_client_ca.is_some() && self.tls_cert.is_none() {
            return Err(Failure::usage("tls_client_ca needs TLS; give tls_cert and tls_key".to_owned()));
        }
        if metrics.is_some_and(|metrics| metrics == *listen && listen.port() != 0) {
            return Err(Failure::usage(format!(
                "listen = {listen} and metrics = {listen} contradict each other: one socket cannot do both; choose \
                 another port for metrics"
            )));
        }
        Ok(())
    }
}

fn within(name: &str, value: f64, most: f64) -> Result<()> {
    match 0.0 < value && value <= most {
        true => Ok(()),
        false => Err(Failure::usage(format!(
            "{name} = {value} is not possible; it must be a number above 0, at most {most}"
        ))),
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| time(&text).map_err(de::Error::custom)).transpose()
}

fn retention<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| hours(&text).map_err(de::Error::custom)).transpose()
}

/// A number of hours, written as hours or days.
pub(crate) fn hours(text: &str) -> Result<u32, String> {
    let hours = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => hours.parse::<u32>().ok(),
        (_, Some(days)) => days.parse::<u32>().ok().and_then(|days| days.checked_mul(24)),
        _ => None,
    };
    hours.filter(|&hours| hours > 0).ok_or_else(|| format!("'{text}' is no time to keep rows; write 36h or 7d"))
}

/// Refuses a world whose settings contradict each other; the simulator checks each on its own.
pub(crate) fn check_world(config: &WorldConfig) -> Result<()> {
    let contradiction =
        |a: String, b: String, why: &str| Err(Failure::usage(format!("{a} and {b} contradict each other: {why}")));
    let WorldConfig { listeners, tracks, artists, partitions, start, until, .. } = config;
    if let Some(artists) = artists.filter(|artists| artists > tracks) {
        return contradiction(
            format!("artists = {artists}"),
            format!("tracks = {tracks}"),
            "every artist has a track; lower the one or raise the other",
        );
    }
    if *listeners > 0 && u64::from(*partitions) > *listeners {
        return contradiction(
            format!("partitions = {partitions}"),
            format!("listeners = {listeners}"),
            "a listener belongs to one partition, so some would be empty; lower the one or raise the other",
        );
    }
    if let Some(until_us) = until.filter(|&until_us| until_us < config.start_us()) {
        let until = chrono::DateTime::from_timestamp_micros(until_us)
            .map_or_else(|| format!("{until_us} us"), |until| until.to_rfc3339());
        return contradiction(
            format!("until = {until}"),
            format!("start = {start}"),
            "the log would end before it begins; move one of them",
        );
    }
    Ok(())
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<(WorldConfig, ServeSettings)> {
    let text =
        fs::read_to_string(path).map_err(|cause| Failure::usage(format!("cannot read {}: {cause}", path.display())))?;
    parse(&text).map_err(|cause| Failure::usage(format!("cannot use {}: {cause}", path.display())))
}

/// The settings in a text.
fn parse(text: &str) -> Result<(WorldConfig, ServeSettings), String> {
    let mut world = mapping(serde_norway::from_str(text).map_err(|cause| cause.to_string())?, "the file")?;
    let serve = world.remove(SERVE);
    let top: Vec<&str> = names_of::<WorldConfig>().iter().copied().chain([SERVE]).collect();
    check_names(text, &[], &world, &top)?;
    if let Some(Value::Mapping(rates)) = world.get("faults") {
        check_names(text, &["faults"], rates, names_of::<FaultRates>())?;
    }
    let serve = match serve {
        Some(serve) => mapping(serve, SERVE)?,
        None => Mapping::new(),
    };
    check_names(text, &[SERVE], &serve, names_of::<ServeSettings>())?;
    Ok((settings(text, &[], world)?, settings(text, &[SERVE], serve)?))
}

/// A mapping; nothing at all is an empty one.
fn mapping(value: Value, what: &str) -> Result<Mapping, String> {
    match value {
        Value::Mapping(mapping) => Ok(mapping),
        Value::Null => Ok(Mapping::new()),
        _ => Err(format!("{what} is no list of settings; write one `name: value` a line")),
    }
}

/// Refuses names that are not known.
fn check_names(text: &str, section: &[&str], settings: &Mapping, known: &[&str]) -> Result<(), String> {
    for key in settings.keys() {
        let name = key.as_str().ok_or_else(|| format!("{} is no name of a setting; a name is a word", kind(key)))?;
        if !known.contains(&name) {
            let guess = match nearest(name, known.iter().copied()) {
                Some(word) => format!("; did you mean '{word}'?"),
                None => ";".to_owned(),
            };
            let place = place(text, section, name);
            return Err(format!("{place}no setting is called '{}'{guess} known: {}", shown(name), known.join(", ")));
        }
    }
    Ok(())
}

/// Turns known names into settings. One at a time first, so that an error names the one it is about.
fn settings<T: for<'de> Deserialize<'de>>(text: &str, section: &[&str], settings: Mapping) -> Result<T, String> {
    for (key, value) in &settings {
        let alone = Mapping::from_iter([(key.clone(), value.clone())]);
        if let Err(cause) = serde_norway::from_value::<T>(Value::Mapping(alone)) {
            let name = key.as_str().unwrap_or_default();
            // The parser names what it was in already, if it was deep in a value.
            let cause = cause.to_string();
            let cause = cause.strip_prefix(&format!("{name}: ")).unwrap_or(&cause);
            return Err(format!("{}{name}: {}", place(text, section, name), brief(cause)));
        }
    }
    serde_norway::from_value(Value::Mapping(settings)).map_err(|cause| brief(&cause.to_string()))
}

/// An error's text without the megabytes that a value may have.
fn brief(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) | Value::Tagged(_) => "a mapping",
    }
}

/// `line 3: ` for a setting that has a line of its own, which it need not have in every notation of YAML.
fn place(text: &str, section: &[&str], name: &str) -> String {
    let mut lines = text.lines().enumerate();
    let begins =
        |line: &str, name: &str| line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let mut found = true;
    for outer in section {
        found = found && lines.any(|(_, line)| begins(line, outer));
    }
    let line = lines
        .take_while(|(_, line)| section.is_empty() || line.is_empty() || line.starts_with([' ', '\t', '#']))
        .find(|(_, line)| begins(if section.is_empty() { line } else { line.trim_start() }, name));
    match line.filter(|_| found) {
        Some((index, _)) => format!("line {}: ", index + 1),
        None => String::new(),
    }
}

/// The names of a struct's fields, as a file writes them.
fn names_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    /// Hears the names when the struct asks to be read, and gives it nothing.
    struct Names<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = de::value::Error;

        fn deserialize_any<V: de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("no struct"))
        }

        fn deserialize_struct<V: de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(de::Error::custom("only the names were wanted"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    // An error is all it can give.
    let _ = T::deserialize(Names(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = include_str!("../../../docs/world.example.yaml");

    fn keys(mapping: &Mapping) -> BTreeSet<&str> {
        mapping.keys().map(|key| key.as_str().unwrap()).collect()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let (world, serve) = parse(EXAMPLE).unwrap();
        assert_eq!(world, WorldConfig::default());
        assert_eq!(serve, ServeSettings::default());
    }

    #[test]
    fn the_example_has_every_setting() {
        let example: Mapping = serde_norway::from_str(EXAMPLE).unwrap();
        let section = |name: &str| keys(example[name].as_mapping().unwrap());
        let known = |names: &'static [&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
        let mut top = known(names_of::<WorldConfig>());
        assert!(top.contains("listeners") && top.contains("until"), "{top:?}");
        top.insert(SERVE);
        assert_eq!(keys(&example), top);
        assert_eq!(section("faults"), known(names_of::<FaultRates>()));
        assert_eq!(section(SERVE), known(names_of::<ServeSettings>()));
    }

    #[test]
    fn a_file_may_be_empty_or_say_little() {
        for nothing in ["", "# nothing\n", "{}", "serve:\n", "serve: {}\n"] {
            assert_eq!(parse(nothing).unwrap(), (WorldConfig::default(), ServeSettings::default()), "{nothing:?}");
        }
        let (world, serve) = parse("listeners: 500\nfaults: none\nserve:\n  anchor: 1970-01-02\n  rate: 10\n").unwrap();
        assert_eq!((world.listeners, world.faults), (500, FaultRates::none()));
        assert_eq!((serve.anchor, serve.rate), (Some(86_400_000_000), Some(10.0)));
    }

    #[test]
    fn what_a_file_may_not_say_is_refused_with_its_line() {
        for (text, said) in [
            (
                "seed: 1\n\nlistners: 5\n",
                "line 3: no setting is called 'listners'; did you mean 'listeners'? known: seed,",
            ),
            ("{listners: 5}", "no setting is called 'listners'; did you mean 'listeners'? known: seed,"),
            ("seed: 1\nfaults:\n  # often\n  lat: 0.1\n", "line 4: no setting is called 'lat'; did you mean 'late'?"),
            ("serve:\n  speed: 2\n\n  listne: x\n", "line 4: no setting is called 'listne'; did you mean 'listen'?"),
            ("speed: 2\n", "line 1: no setting is called 'speed'; did you mean 'seed'?"),
            ("seed: 1\nlisteners: many\n", "line 2: listeners: invalid type: string \"many\", expected u64"),
            ("serve:\n  listen: here\n", "line 2: listen: invalid socket address syntax"),
            ("serve:\n  anchor: soon\n", "line 2: anchor: "),
            ("seed: 1\nseed: 2\n", "duplicate entry"),
            ("- seed\n", "the file is no list of settings"),
            ("serve: 5\n", "serve is no list of settings"),
            ("1: 2\n", "a number is no name of a setting"),
            ("faults: some\n", "line 1: faults: no fault preset is called 'some'"),
            ("seed: [\n", "line 2"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused_with_both_named() {
        for (text, a, b) in [
            ("artists: 20\ntracks: 10\n", "artists = 20", "tracks = 10"),
            ("listeners: 3\n", "partitions = 4", "listeners = 3"),
            ("until: 2026-09-30\n", "until = 2026-09-30T00:00:00", "start = 2026-10-01"),
            ("serve:\n  rate: 5\n  speed: 2\n", "speed = 2", "rate = 5"),
            ("serve:\n  metrics: 127.0.0.1:8815\n", "listen = 127.0.0.1:8815", "metrics = 127.0.0.1:8815"),
        ] {
            let (world, serve) = parse(text).unwrap();
            let error = check_world(&world).and_then(|()| serve.check()).unwrap_err().to_string();
            assert!(error.contains(a) && error.contains(b) && error.contains("contradict"), "{text:?}: {error}");
        }
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        for text in ["speed: 0", "speed: .nan", "rate: -1", "rate: .inf", "drain_seconds: 3601"] {
            let (_, serve) = parse(&format!("serve:\n  {text}\n")).unwrap();
            assert!(serve.check().unwrap_err().to_string().contains("is not possible"), "{text}");
        }
    }

    #[test]
    fn a_retention_is_a_number_of_hours_or_days() {
        for (text, hours) in [("36h", 36), ("7d", 168)] {
            assert_eq!(parse(&format!("serve:\n  retention: {text}\n")).unwrap().1.retention, Some(hours));
        }
        for text in ["0h", "7", "7w", "h", "-1d", "200000000d"] {
            let error = parse(&format!("serve:\n  retention: \"{text}\"\n")).unwrap_err();
            assert!(error.contains("write 36h or 7d"), "{text}: {error}");
        }
    }

    #[test]
    fn what_tls_needs_together_is_refused_apart() {
        for text in ["tls_cert: a", "tls_key: a", "tls_client_ca: a"] {
            let (_, serve) = parse(&format!("serve:\n  {text}\n")).unwrap();
            assert!(serve.check().unwrap_err().to_string().contains("tls_cert"), "{text}");
        }
    }

    #[test]
    fn a_text_that_would_grow_without_bound_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb += &format!("a{level}: &a{level} [{below}]\n");
        }
        assert!(parse(&bomb).unwrap_err().len() < 1000);
        assert!(parse(&"[".repeat(100_000)).unwrap_err().len() < 1000);
        assert!(parse(&format!("{}: 1\n", "x".repeat(1_000_000))).unwrap_err().len() < 1000);
        assert!(parse(&format!("seed: {}\n", "x".repeat(1_000_000))).unwrap_err().len() < 1000);
    }

    /// Checks all that a text leads to; what matters is that it returns.
    fn survives(text: &str) {
        match parse(text) {
            Ok((world, serve)) => {
                let _ = (check_world(&world), world.validate(), world.fingerprint(), serve.check());
            }
            Err(error) => assert!(!error.is_empty() && error.len() < 5000, "{error}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_is_settings_or_an_error(text in "\\PC{0,200}") {
            survives(&text);
        }

        #[test]
        fn any_settings_with_known_names_are_settings_or_an_error(
            lines in prop::collection::vec((prop::sample::select(names_of::<WorldConfig>()), "[-0-9a-z.:\\[\\]{}&*!\"'#| ]{0,20}"), 0..5),
            rest in "(serve:|faults:)?\n  [a-z_]{0,12}: [-0-9a-z.:]{0,12}\n",
        ) {
            let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            survives(&(lines + &rest));
        }

        #[test]
        fn the_example_with_a_piece_replaced_is_settings_or_an_error(
            at in 0..EXAMPLE.len(),
            length in 0_usize..30,
            piece in "[ -~\n\t]{0,12}",
        ) {
            let from = EXAMPLE.floor_char_boundary(at);
            let until = EXAMPLE.floor_char_boundary((at + length).min(EXAMPLE.len()));
            survives(&format!("{}{piece}{}", &EXAMPLE[..from], &EXAMPLE[until.max(from)..]));
        }
    }
}
