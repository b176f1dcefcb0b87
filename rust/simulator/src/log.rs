//! The log of one partition: rows in order of arrival, found by offset or by time without making those before.
//!
//! Time of arrival is cut into buckets, and these into ticks ([`Cut`]). An index keeps how many rows each tick has: a byte for most
//! ticks, worked out once, as far as somebody has asked, by playing the sessions without writing anything. It is enough to tell
//! which row arrives when. A bucket's rows are made when they are wanted, by a [`Cursor`]: it keeps the sessions that go on, and
//! moves from bucket to bucket. One that is to be somewhere else begins [`Cut::tail`] buckets before, where whatever arrives in the
//! wanted one has not begun. The last few buckets, cursors and plans are kept, so that reading on plays each session once, a piece
//! at a time.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use crate::{
    Model,
    bucket::Bucket,
    chance::{Purpose, mix},
    plan::{Cut, Plan},
    row::{Arrival, Row, Session, event_key},
    session::{Player, copy_after_us},
    tick::{Tick, Ticks},
};

/// Plans kept: those that two readers are in, and the ones after.
const PLANS: usize = 4;

/// Buckets kept: for two readers, the one being read and those before (where originals of its copies may stand).
const BUCKETS: usize = 8;

/// Cursors of a partition: a few readers may be far apart.
const CURSORS: usize = 4;

/// Listeners of a partition above which a cursor takes more than 50 MB, and there is one only.
const ONE_CURSOR_FROM: u64 = 1_000_000;

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    model: Arc<Model>,
    partition: u32,
    cut: Cut,
    /// What is random in its ticks follows from this.
    ticks_key: u64,
    /// Cursors kept at the most.
    most_cursors: usize,
    index: Mutex<Index>,
    /// Rows of a bounded world.
    rows: OnceLock<u64>,
    plans: Mutex<Recent<Plan>>,
    buckets: Mutex<Recent<Bucket>>,
    cursors: Mutex<VecDeque<Arc<Moving>>>,
}

/// How many rows there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Rows in each bucket and all before it.
    pub(crate) until: Vec<u64>,
    /// Rows of each bucket's ticks.
    pub(crate) ticks: Vec<Ticks>,
    /// Rows that sessions counted already leave in the ticks to come.
    pub(crate) pending: Vec<u32>,
}

impl Index {
    /// Nothing is counted.
    fn new(cut: Cut) -> Self {
        Self { until: Vec::new(), ticks: Vec::new(), pending: vec![0; cut.tail() as usize * cut.ticks()] }
    }

    /// Rows in the buckets before `bucket`, which are counted.
    fn before(&self, bucket: i64) -> u64 {
        if bucket == 0 { 0 } else { self.until[bucket as usize - 1] }
    }
}

/// The last few results of something dear.
#[derive(Debug)]
struct Recent<T> {
    most: usize,
    kept: VecDeque<(i64, Arc<T>)>,
}

impl<T> Recent<T> {
    fn new(most: usize) -> Mutex<Self> {
        Mutex::new(Self { most, kept: VecDeque::with_capacity(most + 1) })
    }

    /// What is kept of `key`, which is now the last to be given up.
    fn get(&mut self, key: i64) -> Option<Arc<T>> {
        let at = self.kept.iter().position(|kept| kept.0 == key)?;
        let found = self.kept.remove(at)?;
        let value = Arc::clone(&found.1);
        self.kept.push_back(found);
        Some(value)
    }

    fn keep(&mut self, key: i64, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.kept.push_back((key, Arc::clone(&value)));
        if self.kept.len() > self.most {
            self.kept.pop_front();
        }
        value
    }
}

/// What a lock guards is whole even if another thread died: it only ever grows by finished values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a bucket stands in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Counted from the world's start.
    pub(crate) bucket: i64,
    /// Offset of its first row.
    pub(crate) first: u64,
}

impl PartitionLog {
    pub(crate) fn new(model: Arc<Model>, partition: u32) -> Self {
        let listeners = model.config.listeners / u64::from(model.config.partitions);
        let cut = model.cut;
        Self {
            ticks_key: model.seed.draw(Purpose::Ticks, u64::from(partition)),
            model,
            partition,
            cut,
            most_cursors: if listeners < ONE_CURSOR_FROM { CURSORS } else { 1 },
            index: Mutex::new(Index::new(cut)),
            rows: OnceLock::new(),
            plans: Recent::new(PLANS),
            buckets: Recent::new(BUCKETS),
            cursors: Mutex::default(),
        }
    }

    /// The number of rows that arrive before `time_us`.
    pub(crate) fn offset_at(&self, time_us: i64) -> u64 {
        let end_us = self.model.start_us + self.cut.last_bucket() * self.cut.bucket_us;
        let since_us = time_us.min(end_us).saturating_sub(self.model.start_us);
        if since_us <= 0 {
            return 0;
        }
        let (bucket, after_us) = (since_us / self.cut.bucket_us, since_us % self.cut.bucket_us);
        let mut index = lock(&self.index);
        if after_us == 0 {
            self.extend(&mut index, bucket, &|_| {});
            return index.before(bucket);
        }
        self.extend(&mut index, bucket + 1, &|_| {});
        let ticks = &index.ticks[bucket as usize];
        index.before(bucket) + ticks.rows_before(self.cut, self.ticks_key(bucket), after_us as u32)
    }

    /// When a row arrived, in microseconds since 1970 UTC; the number of all rows if there are no more than `offset`.
    pub(crate) fn arrived_at(&self, offset: u64) -> Result<i64, u64> {
        let Place { bucket, first } = self.locate(offset)?;
        let ticks = lock(&self.index).ticks[bucket as usize].clone();
        let arrives_us = ticks.arrives_us(self.cut, self.ticks_key(bucket), offset - first);
        // A bucket was found by how many rows its ticks have, so that the row is in one.
        Ok(self.model.start_us + bucket * self.cut.bucket_us + i64::from(arrives_us.unwrap_or_default()))
    }

    /// What is random in the ticks of a bucket follows from this.
    fn ticks_key(&self, bucket: i64) -> u64 {
        mix(self.ticks_key ^ bucket as u64)
    }

    /// The number of rows of a bounded world; `None` if the log has no end.
    pub(crate) fn rows(&self) -> Option<u64> {
        let until_us = self.model.config.until_us()?;
        Some(*self.rows.get_or_init(|| self.offset_at(until_us)))
    }

    /// The bucket that holds a row; the number of all rows if there are no more than `offset`.
    pub(crate) fn locate(&self, offset: u64) -> Result<Place, u64> {
        let last = self.cut.last_bucket();
        let mut index = lock(&self.index);
        loop {
            let (known, rows) = (index.until.len() as i64, index.until.last().copied().unwrap_or(0));
            if rows > offset {
                break;
            }
            if known == last {
                return Err(rows);
            }
            // As far as the row should be, in plans, which are counted in parallel; but no further than as much again as is
            // known, for the first hours are quiet.
            let per_bucket = rows / (known.max(1) as u64) + 1;
            let plan = self.cut.plan_buckets;
            let missing = ((offset - rows) / per_bucket).clamp(plan as u64, known.max(plan) as u64) as i64;
            self.extend(&mut index, (known + missing).min(last), &|_| {});
        }
        let bucket = index.until.partition_point(|&until| until <= offset);
        Ok(Place { bucket: bucket as i64, first: index.before(bucket as i64) })
    }

    /// The number of rows in the buckets before `bucket`.
    fn rows_before(&self, bucket: i64) -> u64 {
        let mut index = lock(&self.index);
        self.extend(&mut index, bucket, &|_| {});
        index.before(bucket)
    }

    /// Counts all rows before `time_us`. `counted` is told each time so many microseconds of arrival are counted.
    pub(crate) fn count(&self, time_us: i64, counted: &(dyn Fn(i64) + Sync)) {
        let since_us = time_us.saturating_sub(self.model.start_us).max(0) as u64;
        // The bucket in which the time lies is looked into.
        let until = since_us.div_ceil(self.cut.bucket_us as u64).min(self.cut.last_bucket() as u64) as i64;
        self.extend(&mut lock(&self.index), until, counted);
    }

    /// What has been counted, to be kept.
    pub(crate) fn index(&self) -> Index {
        lock(&self.index).clone()
    }

    /// Takes what was kept of this log, if it reaches further than what is known.
    pub(crate) fn restore(&self, kept: Index) {
        let mut index = lock(&self.index);
        if kept.until.len() > index.until.len() {
            *index = kept;
        }
    }

    /// Counts the rows of all buckets before `until` that are not counted yet.
    fn extend(&self, index: &mut Index, until: i64, counted: &(dyn Fn(i64) + Sync)) {
        let from = index.until.len() as i64;
        if until <= from {
            return;
        }
        let per_plan = self.cut.plan_buckets;
        let plans: Vec<i64> = (from / per_plan..=(until - 1) / per_plan).collect();
        // Keeping the plan pays where reading goes on; many at a time are a history, of which few are read next.
        let keep = plans.len() <= PLANS / 2;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // Counts of many plans at once would take much memory.
        for some in plans.chunks(cores) {
            let count = |number: i64| {
                let buckets = (number * per_plan).max(from)..((number + 1) * per_plan).min(until);
                let counts = self.counts(number, buckets.clone(), keep);
                counted((buckets.end - buckets.start) * self.cut.bucket_us);
                counts
            };
            let counts: Vec<_> = match some {
                [only] => vec![count(*only)],
                _ => thread::scope(|scope| {
                    let workers: Vec<_> = some.iter().map(|&number| scope.spawn(move || count(number))).collect();
                    let join = |worker: ScopedJoinHandle<'_, _>| {
                        // A worker's panic goes on in the caller.
                        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    };
                    workers.into_iter().map(join).collect()
                }),
            };
            counts.into_iter().for_each(|counts| self.add(index, counts));
        }
    }

    /// The rows of the sessions that enter in some buckets of a plan: of each tick of these buckets, and of the [`Cut::tail`] after.
    fn counts(&self, plan: i64, buckets: Range<i64>, keep: bool) -> Vec<u32> {
        let first = plan * self.cut.plan_buckets;
        let plan = match keep {
            true => self.plan(plan),
            false => Arc::new(Plan::new(&self.model, self.partition, plan)),
        };
        let per_bucket = self.cut.ticks();
        let mut counts = vec![0; (buckets.end - buckets.start + self.cut.tail()) as usize * per_bucket];
        let mut count = |event: Arrival| {
            let since_us = event.arrived_us - self.model.start_us;
            let (bucket, after_us) = (since_us / self.cut.bucket_us, since_us % self.cut.bucket_us);
            counts[(bucket - buckets.start) as usize * per_bucket + (after_us >> self.cut.tick_bits) as usize] += 1;
        };
        for bucket in buckets.clone() {
            for entry in plan.entries((bucket - first) as usize) {
                Player::new(&self.model, entry).play(&self.model, i64::MAX, &mut count);
            }
        }
        counts
    }

    /// Adds the counts of the next buckets, and of those after them.
    fn add(&self, index: &mut Index, mut counts: Vec<u32>) {
        counts.iter_mut().zip(&index.pending).for_each(|(count, pending)| *count += pending);
        let per_bucket = self.cut.ticks();
        index.pending = counts.split_off(counts.len() - index.pending.len());
        let mut rows = index.until.last().copied().unwrap_or(0);
        for ticks in counts.chunks(per_bucket) {
            rows += ticks.iter().map(|&rows| u64::from(rows)).sum::<u64>();
            index.until.push(rows);
            index.ticks.push(Ticks::new(ticks));
        }
    }

    fn bucket_of(&self, arrived_us: i64) -> i64 {
        (arrived_us - self.model.start_us) / self.cut.bucket_us
    }

    fn plan(&self, number: i64) -> Arc<Plan> {
        // Making a plan of many listeners takes seconds: others wait for it instead of making it, too.
        let mut plans = lock(&self.plans);
        match plans.get(number) {
            Some(plan) => plan,
            None => plans.keep(number, Plan::new(&self.model, self.partition, number)),
        }
    }

    /// The rows of a bucket.
    pub(crate) fn bucket(&self, bucket: i64) -> Arc<Bucket> {
        loop {
            if let Some(bucket) = lock(&self.buckets).get(bucket) {
                return bucket;
            }
            let moving = self.nearest(bucket);
            let mut cursor = lock(&moving.cursor);
            // Who held it before may have made the bucket, or moved on past it.
            if lock(&self.buckets).get(bucket).is_some() || cursor.next > bucket {
                continue;
            }
            loop {
                let (at, rows) = (cursor.next, cursor.advance(self));
                moving.next.store(cursor.next, Ordering::Relaxed);
                if at >= cursor.whole_from {
                    let kept = lock(&self.buckets).keep(at, rows);
                    if at == bucket {
                        return kept;
                    }
                }
            }
        }
    }

    /// The cursor that gets to a bucket soonest.
    fn nearest(&self, bucket: i64) -> Arc<Moving> {
        let mut cursors = lock(&self.cursors);
        let reachable = bucket - self.cut.tail()..=bucket;
        let best = (0..cursors.len())
            .filter(|&n| {
                bucket >= cursors[n].whole_from && reachable.contains(&cursors[n].next.load(Ordering::Relaxed))
            })
            .max_by_key(|&n| cursors[n].next.load(Ordering::Relaxed));
        let moving = best.and_then(|n| cursors.remove(n)).unwrap_or_else(|| {
            let next = (bucket - self.cut.tail()).max(0);
            // At the world's start nothing has begun before.
            let whole_from = if next == 0 { 0 } else { bucket };
            let cursor = Mutex::new(Cursor::new(self.cut, next, whole_from));
            Arc::new(Moving { whole_from, next: AtomicI64::new(next), cursor })
        });
        cursors.push_back(Arc::clone(&moving));
        if cursors.len() > self.most_cursors {
            cursors.pop_front();
        }
        moving
    }

    /// The offset at which the original stands of a copy that arrived at `arrived_us`; `key` is their event's.
    pub(crate) fn original(&self, key: u64, arrived_us: i64) -> Option<u64> {
        // A row arrives anywhere in its tick: each of the two less than one from when it came.
        let came_us = arrived_us - copy_after_us(&self.model, key);
        let within_us = came_us - (2 << self.cut.tick_bits)..=came_us + (2 << self.cut.tick_bits);
        (self.bucket_of(*within_us.start()).max(0)..=self.bucket_of(*within_us.end())).find_map(|number| {
            let bucket = self.bucket(number);
            let first = bucket.rows.partition_point(|row| bucket.arrived_us(row) < *within_us.start());
            let mut near = bucket.rows[first..].iter().take_while(|row| bucket.arrived_us(row) <= *within_us.end());
            let original = near.position(|row| bucket.key(row) == key && !row.copy)?;
            Some(self.rows_before(number) + (first + original) as u64)
        })
    }
}

/// A cursor that several readers may want.
#[derive(Debug)]
struct Moving {
    /// The cursor's own, to be known without waiting for it; and so is the next.
    whole_from: i64,
    /// The bucket the cursor makes next.
    next: AtomicI64,
    cursor: Mutex<Cursor>,
}

/// The rows of a bucket that are there so far, in no order.
#[derive(Debug, Default)]
struct Arriving {
    rows: Vec<Row>,
    sessions: Vec<Session>,
}

/// A place in the log from which reading goes on: the sessions that are not over, and rows on their way.
#[derive(Debug)]
struct Cursor {
    next: i64,
    /// Of the buckets before this one nothing is kept: they lack rows of sessions that entered before the cursor began.
    whole_from: i64,
    /// By the bucket in which a session goes on, and a row arrives; the first is `next`.
    players: VecDeque<Vec<Player>>,
    rows: VecDeque<Arriving>,
    sorter: Sorter,
}

impl Cursor {
    fn new(cut: Cut, next: i64, whole_from: i64) -> Self {
        let ahead = cut.tail() as usize + 1;
        Self {
            next,
            whole_from,
            players: (0..ahead).map(|_| Vec::new()).collect(),
            rows: (0..ahead).map(|_| Arriving::default()).collect(),
            sorter: Sorter::default(),
        }
    }

    /// Makes the next bucket; an empty one before those that are whole.
    fn advance(&mut self, log: &PartitionLog) -> Bucket {
        let (model, cut) = (&log.model, log.cut);
        let first_us = model.start_us + self.next * cut.bucket_us;
        let plan = log.plan(self.next / cut.plan_buckets);
        let entered = plan.entries((self.next % cut.plan_buckets) as usize);
        self.next += 1;
        let mut players = self.players.pop_front().unwrap_or_default();
        for player in &mut players {
            self.play(model, cut, first_us, player);
        }
        for entry in entered {
            self.play(model, cut, first_us, &mut Player::new(model, entry));
        }
        hand_on(players, self.players.front_mut());
        self.players.push_back(Vec::new());
        let arrived = self.rows.pop_front().unwrap_or_default();
        let rows = self.sorter.sorted(&arrived, cut, log.ticks_key(self.next - 1));
        hand_on(arrived.rows, self.rows.front_mut().map(|next| &mut next.rows));
        self.rows.push_back(Arriving::default());
        Bucket::new(first_us, rows, arrived.sessions)
    }

    /// Plays a session to the end of the bucket that begins at `first_us`; its players have left the queue, its rows not yet.
    fn play(&mut self, model: &Model, cut: Cut, first_us: i64, player: &mut Player) {
        // `next` was moved on already.
        let unwanted = (self.whole_from - (self.next - 1)).max(0) as usize;
        // Nearly all rows of one piece are in one bucket or two.
        let mut last = (usize::MAX, 0);
        let session = player.session();
        let buckets = &mut self.rows;
        let goes_on_us = player.play(model, first_us + cut.bucket_us, &mut |event| {
            let after_us = event.arrived_us - first_us;
            // Most arrive at once: a division less.
            let ahead = if after_us < cut.bucket_us { 0 } else { after_us / cut.bucket_us };
            let begins_us = first_us + ahead * cut.bucket_us;
            let ahead = ahead as usize;
            if ahead < unwanted {
                return;
            }
            let bucket = &mut buckets[ahead];
            if ahead != last.0 {
                // Another piece of the session may be there from before; once more does no harm.
                last = (ahead, bucket.sessions.len() as u32);
                bucket.sessions.push(session.clone());
            }
            bucket.rows.push(Row {
                arrived_us: (event.arrived_us - begins_us) as u32,
                time_ms: (event.time_ms - begins_us / 1000) as i32,
                session: last.1,
                ..event.row
            });
        });
        if let Some(time_us) = goes_on_us {
            let ahead = ((time_us - first_us) / cut.bucket_us) as usize;
            self.players[ahead - 1].push(player.clone());
        }
    }
}

/// Gives the room of what is done with to what is next, which needs as much soon; those further ahead need little yet.
fn hand_on<T>(mut done: Vec<T>, next: Option<&mut Vec<T>>) {
    done.clear();
    if let Some(next) = next {
        done.append(next);
        *next = done;
    }
}

/// Room for putting rows in order.
#[derive(Debug, Default)]
struct Sorter {
    /// When a row came, and its place before.
    order: Vec<u64>,
    /// Where the next row of each cell of time goes.
    next: Vec<u32>,
}

impl Sorter {
    /// The rows of a bucket, in the order in which they stand in the log, each with the time at which it arrives: those that came at
    /// the same moment stand by their keys, a copy after its original. What is random follows from `ticks_key`.
    ///
    /// Few rows share a cell of time, so that little is left to do once each is in its own.
    fn sorted(&mut self, arrived: &Arriving, cut: Cut, ticks_key: u64) -> Vec<Row> {
        let Self { order, next } = self;
        let Arriving { rows, sessions } = arrived;
        // Cells of 2^n microseconds, about as many as rows.
        let shift = (cut.bucket_us as u64 / (rows.len() as u64 + 1)).max(1).ilog2();
        let cell = |row: &Row| (row.arrived_us >> shift) as usize;
        next.clear();
        next.resize((cut.bucket_us as usize >> shift) + 2, 0);
        rows.iter().for_each(|row| next[cell(row) + 1] += 1);
        let mut before = 0;
        for next in next.iter_mut() {
            before += *next;
            *next = before;
        }
        order.clear();
        order.resize(rows.len(), 0);
        for (place, row) in rows.iter().enumerate() {
            let next = &mut next[cell(row)];
            order[*next as usize] = u64::from(row.arrived_us) << 32 | place as u64;
            *next += 1;
        }
        // What was the beginning of each cell is its end now.
        let mut from = 0;
        for &until in next.iter() {
            order[from..until as usize].sort_unstable();
            from = until as usize;
        }
        let came_us = |place: &u64| (place >> 32) as u32;
        let row = |place: &u64| &rows[*place as u32 as usize];
        let key = |row: &Row| (event_key(sessions[row.session as usize].key, row.number), row.copy);
        for same in order.chunk_by_mut(|place, next| came_us(place) == came_us(next)).filter(|same| same.len() > 1) {
            same.sort_unstable_by_key(|place| key(row(place)));
        }
        let mut sorted = Vec::with_capacity(rows.len());
        let number = |place: &u64| came_us(place) >> cut.tick_bits;
        for same in order.chunk_by(|place, next| number(place) == number(next)) {
            let tick = Tick::new(cut, ticks_key, number(&same[0]), same.len() as u32);
            sorted.extend(same.iter().zip(0..).map(|(place, n)| Row { arrived_us: tick.arrives_us(n), ..*row(place) }));
        }
        sorted
    }
}
