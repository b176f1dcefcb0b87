//! A bucket in memory behind as much of the S3 protocol as a writer uses. It checks no signature.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Uploads under way, by id: the parts by number.
    pub(crate) uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Uploads ever begun.
    pub(crate) begun: usize,
    /// The part that is refused, in every upload.
    pub(crate) refused_part: Option<u32>,
}

/// Serves a bucket until the process ends.
pub(crate) fn serve() -> (String, Arc<Mutex<Bucket>>) {
    let bucket = Arc::new(Mutex::new(Bucket::default()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&bucket);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || connection(&stream.unwrap(), &shared));
        }
    });
    (endpoint, bucket)
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    only_if_absent: bool,
    body: Vec<u8>,
}

fn connection(stream: &TcpStream, bucket: &Mutex<Bucket>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let (status, body) = answer(&mut bucket.lock().unwrap(), request);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"tag\"\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n\r\n",
            body.len()
        );
        // A writer that was killed takes no answer.
        let mut out = stream;
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(&body)).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut length, mut only_if_absent) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some((name, _)) if name.eq_ignore_ascii_case("if-none-match") => only_if_absent = true,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Some(Request {
        method,
        key: decoded(path.strip_prefix("/bucket")?).trim_start_matches('/').to_owned(),
        query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
        only_if_absent,
        body,
    })
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        out.push_str(&part[2..]);
    }
    out
}

fn answer(bucket: &mut Bucket, request: Request) -> (&'static str, Vec<u8>) {
    let xml = |text: String| ("200 OK", text.into_bytes());
    let Request { method, key, query, only_if_absent, body } = request;
    let upload = query.get("uploadId");
    match (method.as_str(), upload) {
        ("GET", _) if key.is_empty() => {
            let prefix = query.get("prefix").map_or("", String::as_str);
            let found = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(key, bytes)| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>{}</Size></Contents>",
                    bytes.len()
                )
            });
            xml(format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
                found.collect::<String>()
            ))
        }
        ("GET", _) => match bucket.objects.get(&key) {
            Some(bytes) => ("200 OK", bytes.clone()),
            None => ("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        },
        ("PUT", None) if only_if_absent && bucket.objects.contains_key(&key) => ("412 Precondition Failed", Vec::new()),
        ("PUT", None) => {
            bucket.objects.insert(key, body);
            ("200 OK", Vec::new())
        }
        ("POST", None) => {
            bucket.begun += 1;
            let id = format!("upload-{}", bucket.begun);
            bucket.uploads.insert(id.clone(), BTreeMap::new());
            xml(format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
        }
        ("PUT", Some(id)) => {
            let number = query["partNumber"].parse().unwrap();
            if bucket.refused_part == Some(number) {
                return ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec());
            }
            // A part may still be on its way when its upload is given up.
            let Some(parts) = bucket.uploads.get_mut(id) else {
                return ("404 Not Found", b"<Error><Code>NoSuchUpload</Code></Error>".to_vec());
            };
            parts.insert(number, body);
            ("200 OK", Vec::new())
        }
        ("POST", Some(id)) => {
            let parts = bucket.uploads.remove(id).unwrap();
            assert!(parts.keys().copied().eq(1..=parts.len() as u32), "{:?}", parts.keys());
            bucket.objects.insert(key, parts.into_values().flatten().collect());
            xml("<CompleteMultipartUploadResult><ETag>tag</ETag></CompleteMultipartUploadResult>".to_owned())
        }
        ("DELETE", Some(id)) => {
            bucket.uploads.remove(id);
            ("204 No Content", Vec::new())
        }
        other => panic!("this bucket knows no {other:?} of '{key}'"),
    }
}
