//! The log of one partition: rows in order of arrival, found by offset or by time without making those before.
//!
//! Time of arrival is cut into buckets ([`BUCKET_US`]). An index keeps how many rows each bucket holds: 8 bytes an hour, worked out
//! once, as far as somebody has asked, by playing the sessions without writing anything. A bucket's rows are made when they
//! are wanted, from the sessions that enter in it and the tails of those that entered in the six before. The last few buckets,
//! tails and plans are kept, so that reading on plays each session once more, and following the present makes a bucket once an hour.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    Model,
    config::MAX_DAYS,
    plan::{BUCKET_US, BUCKETS_PER_DAY, DayPlan},
    row::{Row, Session},
    session::{SPAN_US, play},
};

/// Rows of a session arrive in the bucket in which it enters or in one of this many after it.
const TAIL: usize = (SPAN_US / BUCKET_US) as usize;

/// Plans kept: of the day at hand and the day before.
const PLANS: usize = 2;

/// Buckets kept: for two readers, the one being read and the one before (where originals of its copies may stand).
const BUCKETS: usize = 4;

/// The rows that arrive within one bucket, in order.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) rows: Vec<Row>,
    pub(crate) sessions: Vec<Session>,
}

/// The rows of a bucket's sessions that arrive in the buckets after it.
#[derive(Debug)]
struct Tails {
    rows: [Vec<Row>; TAIL],
    sessions: Vec<Session>,
}

/// The sessions that enter in one bucket, played.
struct Entered {
    /// What arrives in the bucket itself, in no order.
    rows: Vec<Row>,
    sessions: Vec<Session>,
    tails: Arc<Tails>,
}

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct PartitionLog {
    model: Arc<Model>,
    partition: u32,
    index: Mutex<Index>,
    /// Rows of a bounded world.
    rows: OnceLock<u64>,
    plans: Mutex<Recent<DayPlan>>,
    tails: Mutex<Recent<Tails>>,
    buckets: Mutex<Recent<Bucket>>,
}

/// How many rows there are.
#[derive(Debug)]
struct Index {
    /// Rows in each bucket and all before it.
    until: Vec<u64>,
    /// Rows that sessions counted already leave in the buckets to come.
    pending: [u64; TAIL],
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
        Self {
            model,
            partition,
            index: Mutex::new(Index { until: Vec::new(), pending: [0; TAIL] }),
            rows: OnceLock::new(),
            plans: Recent::new(PLANS),
            // For two readers, too.
            tails: Recent::new(2 * (TAIL + 1)),
            buckets: Recent::new(BUCKETS),
        }
    }

    /// The number of rows that arrive before `time_us`.
    pub(crate) fn offset_at(&self, time_us: i64) -> u64 {
        let end_us = self.model.start_us + MAX_DAYS * BUCKETS_PER_DAY * BUCKET_US;
        let since_us = time_us.min(end_us).saturating_sub(self.model.start_us);
        if since_us <= 0 {
            return 0;
        }
        let bucket = since_us / BUCKET_US;
        let first = self.rows_before(bucket);
        if since_us % BUCKET_US == 0 {
            return first;
        }
        first + self.bucket(bucket).rows.partition_point(|row| row.arrived_us < time_us) as u64
    }

    /// The number of rows of a bounded world; `None` if the log has no end.
    pub(crate) fn rows(&self) -> Option<u64> {
        let until_us = self.model.config.until_us()?;
        Some(*self.rows.get_or_init(|| self.offset_at(until_us)))
    }

    /// The bucket that holds a row; the number of all rows if there are no more than `offset`.
    pub(crate) fn locate(&self, offset: u64) -> Result<Place, u64> {
        let last = MAX_DAYS * BUCKETS_PER_DAY;
        let mut index = lock(&self.index);
        loop {
            let (known, rows) = (index.until.len() as i64, index.until.last().copied().unwrap_or(0));
            if rows > offset {
                break;
            }
            if known == last {
                return Err(rows);
            }
            // As far as the row should be, and a day at least: days are counted in parallel.
            let per_bucket = rows / (known.max(1) as u64) + 1;
            let missing = ((offset - rows) / per_bucket).min(last as u64) as i64;
            self.extend(&mut index, (known + missing.max(BUCKETS_PER_DAY)).min(last));
        }
        let bucket = index.until.partition_point(|&until| until <= offset);
        Ok(Place { bucket: bucket as i64, first: if bucket == 0 { 0 } else { index.until[bucket - 1] } })
    }

    /// The number of rows in the buckets before `bucket`.
    fn rows_before(&self, bucket: i64) -> u64 {
        let mut index = lock(&self.index);
        self.extend(&mut index, bucket);
        if bucket == 0 { 0 } else { index.until[bucket as usize - 1] }
    }

    /// Counts the rows of all buckets before `until` that are not counted yet.
    fn extend(&self, index: &mut Index, until: i64) {
        let from = index.until.len() as i64;
        if until <= from {
            return;
        }
        let days: Vec<i64> = (from / BUCKETS_PER_DAY..=(until - 1) / BUCKETS_PER_DAY).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut counts = vec![0u64; (until - from) as usize + TAIL];
            let mut rows = Vec::new();
            while let Some(&day) = days.get(next.fetch_add(1, Ordering::Relaxed)) {
                // Keeping the plan pays where reading goes on; many days at a time are a history, of which few are read next.
                let plan = if days.len() <= PLANS {
                    self.plan(day)
                } else {
                    Arc::new(DayPlan::new(&self.model, self.partition, day))
                };
                let first = day * BUCKETS_PER_DAY;
                for bucket in first.max(from)..(first + BUCKETS_PER_DAY).min(until) {
                    for entry in plan.entries((bucket - first) as usize) {
                        play(&self.model, entry, 0, &mut rows);
                        for row in rows.drain(..) {
                            counts[(self.bucket_of(&row) - from) as usize] += 1;
                        }
                    }
                }
            }
            counts
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(days.len());
        let mut counts = if threads == 1 {
            work()
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                let mut sum = vec![0u64; (until - from) as usize + TAIL];
                for worker in workers {
                    // A worker's panic goes on in the caller.
                    let counts = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
                sum
            })
        };
        counts.iter_mut().zip(index.pending).for_each(|(count, pending)| *count += pending);
        let rest = counts.split_off((until - from) as usize);
        let mut rows = index.until.last().copied().unwrap_or(0);
        for count in counts {
            rows += count;
            index.until.push(rows);
        }
        index.pending.copy_from_slice(&rest);
    }

    fn bucket_of(&self, row: &Row) -> i64 {
        (row.arrived_us - self.model.start_us) / BUCKET_US
    }

    fn plan(&self, day: i64) -> Arc<DayPlan> {
        if let Some(plan) = lock(&self.plans).get(day) {
            return plan;
        }
        let plan = DayPlan::new(&self.model, self.partition, day);
        lock(&self.plans).keep(day, plan)
    }

    /// The rows of a bucket.
    pub(crate) fn bucket(&self, bucket: i64) -> Arc<Bucket> {
        if let Some(bucket) = lock(&self.buckets).get(bucket) {
            return bucket;
        }
        let Entered { mut rows, mut sessions, .. } = self.enter(bucket);
        for before in 1..=(TAIL as i64).min(bucket) {
            let tails = self.tails(bucket - before);
            let shift = sessions.len() as u32;
            sessions.extend_from_slice(&tails.sessions);
            let tail = &tails.rows[before as usize - 1];
            rows.extend(tail.iter().map(|row| Row { session: row.session + shift, ..*row }));
        }
        rows.sort_unstable_by_key(Row::order);
        lock(&self.buckets).keep(bucket, Bucket { rows, sessions })
    }

    /// Plays the sessions that enter in a bucket: the rows that arrive in it, and all their sessions. Keeps the tails.
    fn enter(&self, bucket: i64) -> Entered {
        let plan = self.plan(bucket / BUCKETS_PER_DAY);
        let entries = plan.entries((bucket % BUCKETS_PER_DAY) as usize);
        let mut sessions = Vec::with_capacity(entries.len());
        let mut rows = Vec::with_capacity(entries.len() * 16);
        let mut tails = Tails { rows: Default::default(), sessions: Vec::new() };
        for (number, entry) in entries.iter().enumerate() {
            let first = rows.len();
            sessions.push(play(&self.model, entry, number as u32, &mut rows));
            // Move what arrives later over to the tails, under the session's number there.
            let mut in_tails = false;
            let mut kept = first;
            for n in first..rows.len() {
                let row = rows[n];
                match self.bucket_of(&row) - bucket {
                    0 => {
                        rows[kept] = row;
                        kept += 1;
                    }
                    later => {
                        in_tails = true;
                        tails.rows[later as usize - 1].push(Row { session: tails.sessions.len() as u32, ..row });
                    }
                }
            }
            rows.truncate(kept);
            if in_tails {
                tails.sessions.extend_from_slice(&sessions[number..]);
            }
        }
        let tails = lock(&self.tails).keep(bucket, tails);
        Entered { rows, sessions, tails }
    }

    fn tails(&self, bucket: i64) -> Arc<Tails> {
        let kept = lock(&self.tails).get(bucket);
        kept.unwrap_or_else(|| self.enter(bucket).tails)
    }

    /// The offset at which the original of a copy stands.
    pub(crate) fn original(&self, copy: &Row) -> u64 {
        let order = copy.original_order();
        let bucket = (order.0 - self.model.start_us) / BUCKET_US;
        let rows = self.bucket(bucket);
        self.rows_before(bucket) + rows.rows.partition_point(|row| row.order() < order) as u64
    }
}
