//! The functions behind `dev.downbeat.spark.jni.Native`, where each is explained.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arrow::{array::StructArray, datatypes::DataType, error::ArrowError, ipc::reader::StreamReader};
use downbeat_flight::proto;
use downbeat_kernels::{Aggregator, Cleanser};
use downbeat_lake::{Table, TaskWriter, proto as lake};
use jni::{
    Env, EnvUnowned, NativeMethod, jni_str,
    objects::{JByteArray, JClass, JIntArray, JLongArray, JString},
    strings::JNIStr,
    sys::{jboolean, jint, jlong},
};
use prost::Message;

use crate::{
    batch::{BATCHES, Batch, Input, gather},
    boundary::Throw,
    client,
    copied::{LAYOUT, REGIONS, Region},
    error::{Error, Result},
    handles::Handles,
    reader::{READERS, SharedReader},
    spark_types::{nullable, struct_json},
};

/// Changes with any function below, so that a jar never calls another version's library.
const ABI_VERSION: jint = 6;

/// Every cleanser the JVM has not closed yet.
static CLEANSERS: Handles<Cleanser> = Handles::new("cleanser");

/// Every aggregator the JVM has not closed yet. One task uses one, but Java promises nothing.
static AGGREGATORS: Handles<Mutex<Aggregator>> = Handles::new("aggregator");

/// Every table the JVM has not closed yet.
static TABLES: Handles<Mutex<Table>> = Handles::new("table");

/// Every writer of tables the JVM has neither finished nor closed; its task is in it until it is finished.
static WRITERS: Handles<Mutex<Option<TaskWriter>>> = Handles::new("writer");

/// What comes next after a batch that is not of a log.
const NO_ROW: jlong = -1;

/// Declares the functions and the table that binds them, so that name, signature and function stand together.
macro_rules! natives {
    ($($name:literal $signature:literal => fn $function:ident($env:ident $(, $argument:ident: $type:ty)*) -> $result:ty $body:block)*) => {
        /// Name, signature and address of each function.
        pub(crate) fn methods() -> Vec<NativeMethod<'static>> {
            vec![$({
                const NAME: &JNIStr = jni_str!($name);
                const SIGNATURE: &JNIStr = jni_str!($signature);
                let address = $function as *mut std::ffi::c_void;
                // SAFETY: the function is `extern "system"` with the environment, the class, and the arguments of the signature.
                unsafe { NativeMethod::from_raw_parts(NAME, SIGNATURE, address) }
            }),*]
        }
        $(
            extern "system" fn $function<'local>(
                mut unowned: EnvUnowned<'local>,
                _class: JClass<'local>,
                $($argument: $type),*
            ) -> $result {
                unowned.with_env(|$env: &mut Env<'local>| -> Result<$result> { $body }).resolve::<Throw>()
            }
        )*
    };
}

natives! {
    "abiVersion" "()I" => fn abi_version(_env) -> jint {
        Ok(ABI_VERSION)
    }

    "liveBatches" "()J" => fn live_batches(_env) -> jlong {
        Ok((BATCHES.live() + REGIONS.live() + AGGREGATORS.live() + WRITERS.live()) as jlong)
    }

    "liveReaders" "()J" => fn live_readers(_env) -> jlong {
        Ok(READERS.live() as jlong)
    }

    "world" "([B)[B" => fn world(env, to: JByteArray<'local>) -> JByteArray<'local> {
        let reply = client::connect(decode(env, &to)?)?.world()?;
        Ok(env.byte_array_from_slice(&reply.encode_to_vec())?)
    }

    "offsets" "([B[B)[B" => fn offsets(env, to: JByteArray<'local>, request: JByteArray<'local>) -> JByteArray<'local> {
        let (to, request): (_, proto::OffsetsRequest) = (decode(env, &to)?, decode(env, &request)?);
        let client = client::client(to, &request.world)?;
        let reply = proto::OffsetsReply { world: request.world.clone(), partitions: client.offsets_of(request)? };
        Ok(env.byte_array_from_slice(&reply.encode_to_vec())?)
    }

    "schema" "([B[B)Ljava/lang/String;" => fn schema(
        env, to: JByteArray<'local>, range: JByteArray<'local>
    ) -> JString<'local> {
        let (to, range): (_, proto::ReadRange) = (decode(env, &to)?, decode(env, &range)?);
        let schema = client::client(to, &range.world)?.schema(&range.stream, &range.columns)?;
        Ok(env.new_string(struct_json(schema.fields())?.to_string())?)
    }

    "querySchema" "([B[B)Ljava/lang/String;" => fn query_schema(
        env, to: JByteArray<'local>, query: JByteArray<'local>
    ) -> JString<'local> {
        let query = client::query(decode(env, &query)?)?;
        let schema = client::server(decode(env, &to)?)?.schema(&query)?;
        Ok(env.new_string(struct_json(&nullable(schema.fields()))?.to_string())?)
    }

    "endpoints" "([B[B)[B" => fn endpoints(env, to: JByteArray<'local>, query: JByteArray<'local>) -> JByteArray<'local> {
        let query = client::query(decode(env, &query)?)?;
        let endpoints = client::server(decode(env, &to)?)?.endpoints(&query)?;
        Ok(env.byte_array_from_slice(&proto::Endpoints { endpoints }.encode_to_vec())?)
    }

    "openReader" "([B[B)J" => fn open_reader(env, to: JByteArray<'local>, reading: JByteArray<'local>) -> jlong {
        let (to, reading) = (decode(env, &to)?, decode(env, &reading)?);
        Ok(READERS.insert(Arc::new(SharedReader::new(to, reading))))
    }

    "nextBatch" "(JJ[J)Z" => fn next_batch(
        env, reader: jlong, timeout_ms: jlong, batch: JLongArray<'local>
    ) -> jboolean {
        // Negative: for as long as it takes.
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        match READERS.get(reader)?.next(timeout)? {
            None => Ok(false),
            Some(rows) => {
                give(env, Batch::new(rows.batch), rows.bytes, rows.next as jlong, &batch).map(|()| true)
            }
        }
    }

    "cancelReader" "(J)V" => fn cancel_reader(_env, reader: jlong) -> () {
        READERS.get(reader)?.cancel();
        Ok(())
    }

    "closeReader" "(J)V" => fn close_reader(_env, reader: jlong) -> () {
        READERS.remove(reader).map(drop)
    }

    "closeBatch" "(J)V" => fn close_batch(_env, batch: jlong) -> () {
        BATCHES.remove(batch).map(drop)
    }

    "openCleanser" "([B)J" => fn open_cleanser(env, contract: JByteArray<'local>) -> jlong {
        let contract = env.convert_byte_array(&contract)?;
        Ok(CLEANSERS.insert(Arc::new(Cleanser::new(&contract)?)))
    }

    "resultSchema" "(JZ)Ljava/lang/String;" => fn result_schema(env, cleanser: jlong, check_only: jboolean) -> JString<'local> {
        let cleanser = CLEANSERS.get(cleanser)?;
        let result = match check_only {
            true => cleanser.check_type(),
            false => cleanser.run_type(),
        };
        let DataType::Struct(fields) = result else {
            return Err(Error::Call(format!("a cleanser's result is a struct, not {result}")));
        };
        Ok(env.new_string(struct_json(fields)?.to_string())?)
    }

    "cleanse" "(JZ[J[II[J)V" => fn cleanse(
        env, cleanser: jlong, check_only: jboolean, batches: JLongArray<'local>, paths: JIntArray<'local>, rows: jint,
        result: JLongArray<'local>
    ) -> () {
        let cleanser = CLEANSERS.get(cleanser)?;
        let input = input(env, &batches, &paths, rows)?;
        let output = match check_only {
            true => cleanser.check(&input)?,
            false => cleanser.run(&input)?,
        };
        let output = Batch::new(output);
        let bytes = output.bytes()?;
        give(env, output, bytes, NO_ROW, &result)
    }

    "closeCleanser" "(J)V" => fn close_cleanser(_env, cleanser: jlong) -> () {
        CLEANSERS.remove(cleanser).map(drop)
    }

    "openAggregator" "([B)J" => fn open_aggregator(env, aggregate: JByteArray<'local>) -> jlong {
        let aggregate = env.convert_byte_array(&aggregate)?;
        Ok(AGGREGATORS.insert(Arc::new(Mutex::new(Aggregator::new(&aggregate)?))))
    }

    "aggregate" "(J[J[II)J" => fn aggregate(
        env, aggregator: jlong, batches: JLongArray<'local>, paths: JIntArray<'local>, rows: jint
    ) -> jlong {
        let aggregator = AGGREGATORS.get(aggregator)?;
        let input = input(env, &batches, &paths, rows)?;
        let mut aggregator = aggregator.lock().unwrap_or_else(PoisonError::into_inner);
        aggregator.update(&input)?;
        Ok(aggregator.memory_bytes() as jlong)
    }

    "drainAggregator" "(J[J)V" => fn drain_aggregator(env, aggregator: jlong, result: JLongArray<'local>) -> () {
        let aggregator = AGGREGATORS.get(aggregator)?;
        let groups = aggregator.lock().unwrap_or_else(PoisonError::into_inner).drain()?;
        let groups = Batch::new(groups);
        let bytes = groups.bytes()?;
        give(env, groups, bytes, NO_ROW, &result)
    }

    "closeAggregator" "(J)V" => fn close_aggregator(_env, aggregator: jlong) -> () {
        AGGREGATORS.remove(aggregator).map(drop)
    }

    "openTable" "(Ljava/lang/String;)J" => fn open_table(env, uri: JString<'local>) -> jlong {
        Ok(TABLES.insert(Arc::new(Mutex::new(Table::open(&uri.try_to_string(env)?)?))))
    }

    "tableColumns" "(J)Ljava/lang/String;" => fn table_columns(env, table: jlong) -> JString<'local> {
        match with(TABLES.get(table)?, |table| Ok(table.columns()?))? {
            Some(columns) => Ok(env.new_string(columns)?),
            None => Ok(JString::default()),
        }
    }

    "tableVersion" "(J[J)V" => fn table_version(env, table: jlong, to: JLongArray<'local>) -> () {
        let version = with(TABLES.get(table)?, |table| Ok(table.version()?))?;
        let (number, time) = version.map_or((-1, -1), |(number, time)| (number as jlong, time));
        Ok(to.set_region(env, 0, &[number, time])?)
    }

    "planAppend" "(J[B)[B" => fn plan_append(env, table: jlong, append: JByteArray<'local>) -> JByteArray<'local> {
        let append: lake::Append = decode(env, &append)?;
        let plan = with(TABLES.get(table)?, |table| Ok(table.plan(&append)?))?;
        Ok(env.byte_array_from_slice(&plan.encode_to_vec())?)
    }

    "commitAppend" "(J[B)J" => fn commit_append(env, table: jlong, commit: JByteArray<'local>) -> jlong {
        let commit: lake::Commit = decode(env, &commit)?;
        let version = with(TABLES.get(table)?, |table| Ok(table.commit(&commit)?))?;
        Ok(version.map_or(-1, |version| version as jlong))
    }

    "closeTable" "(J)V" => fn close_table(_env, table: jlong) -> () {
        TABLES.remove(table).map(drop)
    }

    "openWriter" "([B)J" => fn open_writer(env, plan: JByteArray<'local>) -> jlong {
        let writer = TaskWriter::new(decode(env, &plan)?)?;
        Ok(WRITERS.insert(Arc::new(Mutex::new(Some(writer)))))
    }

    "writeColumns" "(J[J[II)J" => fn write_columns(
        env, writer: jlong, batches: JLongArray<'local>, paths: JIntArray<'local>, rows: jint
    ) -> jlong {
        let input = input(env, &batches, &paths, rows)?;
        write(writer, [Ok(input)])
    }

    "writeStream" "(J[B)J" => fn write_stream(env, writer: jlong, stream: JByteArray<'local>) -> jlong {
        let stream = env.convert_byte_array(&stream)?;
        write(writer, StreamReader::try_new(stream.as_slice(), None)?.map(|batch| batch.map(StructArray::from)))
    }

    "finishWriter" "(J)[B" => fn finish_writer(env, writer: jlong) -> JByteArray<'local> {
        let written = match with(WRITERS.get(writer)?, |writer| Ok(writer.take()))? {
            Some(writer) => writer.finish()?,
            None => return Err(Error::Closed { kind: "writer", handle: writer }),
        };
        Ok(env.byte_array_from_slice(&written.encode_to_vec())?)
    }

    "closeWriter" "(J)V" => fn close_writer(_env, writer: jlong) -> () {
        WRITERS.remove(writer).map(drop)
    }

    "openRegion" "(J[J)V" => fn open_region(env, bytes: jlong, region: JLongArray<'local>) -> () {
        let memory = Arc::new(Region::new(size(bytes)?));
        let address = memory.address();
        Ok(region.set_region(env, 0, &[REGIONS.insert(memory), address])?)
    }

    "importRegion" "(JI[J[J)V" => fn import_region(
        env, region: jlong, rows: jint, layout: JLongArray<'local>, batch: JLongArray<'local>
    ) -> () {
        let mut numbers = vec![0; layout.len(env)?];
        layout.get_region(env, 0, &mut numbers)?;
        if numbers.len() % LAYOUT != 0 {
            return Err(Error::Call(format!("{} numbers are no layout", numbers.len())));
        }
        let data = Batch::new(REGIONS.remove(region)?.import(size(rows.into())?, &numbers)?);
        let bytes = data.bytes()?;
        give(env, data, bytes, NO_ROW, &batch)
    }

    "closeRegion" "(J)V" => fn close_region(_env, region: jlong) -> () {
        REGIONS.remove(region).map(drop)
    }
}

/// Hands a batch to the JVM: its handle, the address of its C struct, its rows, Arrow `bytes`, and what comes `next`.
fn give(env: &mut Env<'_>, batch: Batch, bytes: usize, next: jlong, to: &JLongArray<'_>) -> Result<()> {
    let batch = Arc::new(batch);
    let (address, rows) = (batch.address(), batch.rows() as jlong);
    let handle = BATCHES.insert(batch);
    let given = to.set_region(env, 0, &[handle, address, rows, bytes as jlong, next]);
    if given.is_err() {
        // Nobody will ever close what could not be handed over.
        BATCHES.remove(handle)?;
    }
    Ok(given?)
}

/// Does something with what one thread at a time may use.
fn with<T, R>(shared: Arc<Mutex<T>>, work: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
    work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Gives batches to a writer; the bytes that it holds.
fn write(handle: jlong, batches: impl IntoIterator<Item = Result<StructArray, ArrowError>>) -> Result<jlong> {
    with(WRITERS.get(handle)?, |writer| {
        let writer = writer.as_mut().ok_or(Error::Closed { kind: "writer", handle })?;
        for batch in batches {
            writer.write(&batch?)?;
        }
        Ok(writer.memory_bytes() as jlong)
    })
}

/// What a kernel reads: for each batch, `paths` has the number of steps to the column, and the steps.
fn input(env: &mut Env<'_>, batches: &JLongArray<'_>, paths: &JIntArray<'_>, rows: jint) -> Result<StructArray> {
    let mut handles = vec![0; batches.len(env)?];
    batches.get_region(env, 0, &mut handles)?;
    let mut steps = vec![0; paths.len(env)?];
    paths.get_region(env, 0, &mut steps)?;
    let mut rest = steps.as_slice();
    let mut inputs = Vec::with_capacity(handles.len());
    for batch in handles {
        let path = rest.split_first().and_then(|(&count, after)| after.split_at_checked(usize::try_from(count).ok()?));
        let (path, after) = path.ok_or_else(|| Error::Call(format!("{steps:?} are no paths")))?;
        inputs.push(Input { batch, path });
        rest = after;
    }
    gather(&inputs, size(rows.into())?)
}

/// A message of the files in `proto`.
fn decode<T: Message + Default>(env: &Env<'_>, bytes: &JByteArray<'_>) -> Result<T> {
    let bytes = env.convert_byte_array(bytes)?;
    T::decode(bytes.as_slice()).map_err(|cause| Error::Call(format!("not the message expected: {cause}")))
}

fn size(number: jlong) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::Call(format!("{number} is no size")))
}
