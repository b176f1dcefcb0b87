//! The log of one partition: rows in order of arrival, found by offset or by time without making those before.
//!
//! Time of arrival is cut into buckets ([`Cut`]). An index keeps how many rows each bucket holds: 8 bytes a bucket, worked out
//! once, as far as somebody has asked, by playing the sessions without writing anything. A bucket's rows are made when they
//! are wanted, by a [`Cursor`]: it keeps the sessions that go on, and moves from bucket to bucket. One that is to be somewhere
//! else begins [`Cut::tail`] buckets before, where whatever arrives in the wanted one has not begun. The last few buckets, cursors
//! and plans are kept, so that reading on plays each session once, a piece at a time.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    Model,
    bucket::Bucket,
    plan::{Cut, Plan},
    row::{Arrival, Row, Session, event_key},
    session::{Player, copy_after_us},
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
#[derive(Debug)]
struct Index {
    /// Rows in each bucket and all before it.
    until: Vec<u64>,
    /// Rows that sessions counted already leave in the buckets to come.
    pending: Vec<u64>,
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
        let cut = Cut::new(listeners);
        Self {
            model,
            partition,
            cut,
            most_cursors: if listeners < ONE_CURSOR_FROM { CURSORS } else { 1 },
            index: Mutex::new(Index { until: Vec::new(), pending: vec![0; cut.tail() as usize] }),
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
        let bucket = since_us / self.cut.bucket_us;
        let first = self.rows_before(bucket);
        if since_us % self.cut.bucket_us == 0 {
            return first;
        }
        let bucket = self.bucket(bucket);
        first + bucket.rows.partition_point(|row| bucket.arrived_us(row) < time_us) as u64
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
        Ok(Place { bucket: bucket as i64, first: if bucket == 0 { 0 } else { index.until[bucket - 1] } })
    }

    /// The number of rows in the buckets before `bucket`.
    fn rows_before(&self, bucket: i64) -> u64 {
        let mut index = lock(&self.index);
        self.extend(&mut index, bucket, &|_| {});
        if bucket == 0 { 0 } else { index.until[bucket as usize - 1] }
    }

    /// Counts all rows before `time_us`. `counted` is told each time so many microseconds of arrival are counted.
    pub(crate) fn count(&self, time_us: i64, counted: &(dyn Fn(i64) + Sync)) {
        let since_us = time_us.saturating_sub(self.model.start_us).max(0);
        let until = (since_us / self.cut.bucket_us).min(self.cut.last_bucket());
        self.extend(&mut lock(&self.index), until, counted);
    }

    /// The counts, to be kept: how many rows each bucket has that is counted, and those to come that are known already.
    pub(crate) fn counts(&self) -> (Vec<u64>, Vec<u64>) {
        let index = lock(&self.index);
        (index.until.clone(), index.pending.clone())
    }

    /// Takes counts that were kept, if they reach further than what is known.
    pub(crate) fn restore(&self, until: Vec<u64>, pending: Vec<u64>) -> Result<(), &'static str> {
        if pending.len() as i64 != self.cut.tail() || until.len() as i64 > self.cut.last_bucket() || !until.is_sorted()
        {
            return Err("it is broken");
        }
        let mut index = lock(&self.index);
        if until.len() > index.until.len() {
            *index = Index { until, pending };
        }
        Ok(())
    }

    /// Counts the rows of all buckets before `until` that are not counted yet.
    fn extend(&self, index: &mut Index, until: i64, counted: &(dyn Fn(i64) + Sync)) {
        let from = index.until.len() as i64;
        if until <= from {
            return;
        }
        let per_plan = self.cut.plan_buckets;
        let plans: Vec<i64> = (from / per_plan..=(until - 1) / per_plan).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut counts = vec![0u64; (until - from + self.cut.tail()) as usize];
            while let Some(&number) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                // Keeping the plan pays where reading goes on; many at a time are a history, of which few are read next.
                let plan = if plans.len() <= PLANS / 2 {
                    self.plan(number)
                } else {
                    Arc::new(Plan::new(&self.model, self.partition, self.cut, number))
                };
                let first = number * per_plan;
                let buckets = first.max(from)..(first + per_plan).min(until);
                for bucket in buckets.clone() {
                    for entry in plan.entries((bucket - first) as usize) {
                        let mut count =
                            |event: Arrival| counts[(self.bucket_of(event.arrived_us) - from) as usize] += 1;
                        Player::new(&self.model, entry).play(&self.model, i64::MAX, &mut count);
                    }
                }
                counted((buckets.end - buckets.start) * self.cut.bucket_us);
            }
            counts
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(plans.len());
        let mut counts = if threads == 1 {
            work()
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                let mut sum = vec![0u64; (until - from + self.cut.tail()) as usize];
                for worker in workers {
                    // A worker's panic goes on in the caller.
                    let counts = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
                sum
            })
        };
        counts.iter_mut().zip(&index.pending).for_each(|(count, pending)| *count += pending);
        index.pending = counts.split_off((until - from) as usize);
        let mut rows = index.until.last().copied().unwrap_or(0);
        for count in counts {
            rows += count;
            index.until.push(rows);
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
            None => plans.keep(number, Plan::new(&self.model, self.partition, self.cut, number)),
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
    pub(crate) fn original(&self, key: u64, arrived_us: i64) -> u64 {
        let arrived_us = arrived_us - copy_after_us(&self.model, key);
        let number = self.bucket_of(arrived_us);
        let bucket = self.bucket(number);
        let before = |row: &Row| (bucket.arrived_us(row), bucket.key(row)) < (arrived_us, key);
        self.rows_before(number) + bucket.rows.partition_point(before) as u64
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
        let rows = self.sorter.sorted(&arrived, cut.bucket_us);
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
    /// When a row arrives, and its place before.
    order: Vec<u64>,
    /// Where the next row of each cell of time goes.
    next: Vec<u32>,
}

impl Sorter {
    /// The rows of a bucket of `span_us` microseconds, in the order in which they stand in the log: those that arrive at the same
    /// moment by their keys, a copy after its original.
    ///
    /// Few rows share a cell of time, so that little is left to do once each is in its own.
    fn sorted(&mut self, arrived: &Arriving, span_us: i64) -> Vec<Row> {
        let Self { order, next } = self;
        let Arriving { rows, sessions } = arrived;
        // Cells of 2^n microseconds, about as many as rows.
        let shift = (span_us as u64 / (rows.len() as u64 + 1)).max(1).ilog2();
        let cell = |row: &Row| (row.arrived_us >> shift) as usize;
        next.clear();
        next.resize((span_us as usize >> shift) + 2, 0);
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
        let mut sorted: Vec<Row> = order.iter().map(|&place| rows[place as u32 as usize]).collect();
        let key = |row: &Row| event_key(sessions[row.session as usize].key, row.number);
        for same in sorted.chunk_by_mut(|row, next| row.arrived_us == next.arrived_us).filter(|same| same.len() > 1) {
            same.sort_unstable_by_key(|row| (key(row), row.copy));
        }
        sorted
    }
}
