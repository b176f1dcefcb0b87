//! Connections that close without losing what is on its way.
//!
//! A socket that is closed while there is something unread resets the connection, and the peer loses what it has not read yet. A
//! client tells all the time how much more it takes, so a server that is done nearly always has something unread. It therefore
//! says that nothing more comes, and reads on until the client has closed.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long a client may take to read what is on its way, and to close.
const LINGER: Duration = Duration::from_secs(5);

/// A connection that waits for its client to close.
#[derive(Debug)]
pub(crate) struct Lingering {
    stream: TcpStream,
    /// Until when it waits, once nothing more comes.
    closing: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, closing: None }
    }
}

impl Connected for Lingering {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing } = &mut *self;
        let until = match closing {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
                closing.insert(Box::pin(sleep(LINGER)))
            }
        };
        let mut unread = [0; 1024];
        // One that never ceases to talk is left as well.
        while until.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut unread);
            match Pin::new(&mut *stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                // The client closed, or is gone.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    /// A server's end of a connection, and the client's.
    async fn pair() -> (Lingering, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Lingering::new(listener.accept().await.unwrap().0), client)
    }

    #[tokio::test]
    async fn a_client_gets_all_that_was_sent_though_the_server_never_read_what_it_said() {
        const SENT: usize = 16 << 20;
        let (mut server, mut client) = pair().await;
        client.write_all(b"what the server does not read").await.unwrap();
        let serving = tokio::spawn(async move {
            server.write_all(&vec![7; SENT]).await.unwrap();
            server.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        // Slower than the server, and talking all the time.
        let mut part = vec![0; 1 << 20];
        while let n @ 1.. = client.read(&mut part).await.unwrap() {
            got.extend_from_slice(&part[..n]);
            client.write_all(b"more").await.unwrap();
            sleep(Duration::from_millis(2)).await;
        }
        assert!(got == vec![7; SENT], "{} bytes", got.len());
        drop(client);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_never_closes_is_left() {
        let (mut server, _client) = pair().await;
        timeout(2 * LINGER, server.shutdown()).await.unwrap().unwrap();
    }
}
