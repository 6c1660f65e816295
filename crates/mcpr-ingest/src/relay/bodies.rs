//! Bodies on their way through: each piece is copied and passed on as it comes.

use super::copies::{BodySide, ExchangeCopy};
use super::endpoint::EndpointRewriter;
use super::pieces::ExchangeEnd;
use crate::Moment;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// How long the rest of a request is read that no server takes, so that its row says what was asked.
const LINGER: Duration = Duration::from_secs(2);

/// A body that is copied on its way. A piece is copied before it is passed on: whoever gets it may answer on
/// another connection at once, and an answer must be read after its question.
#[derive(Debug)]
struct CopiedBody {
    inner: Incoming,
    side: BodySide,
    copy: Arc<ExchangeCopy>,
    /// The recorder knows that nothing follows.
    is_settled: bool,
}

impl CopiedBody {
    fn new(inner: Incoming, side: BodySide, copy: Arc<ExchangeCopy>) -> Self {
        Self {
            inner,
            side,
            copy,
            is_settled: false,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.copy.bytes(self.side, data, Moment::now());
        }
        if self.side == BodySide::Request && self.is_over(frame.as_ref()) {
            self.settle();
        }
        Poll::Ready(frame)
    }

    /// Whether nothing follows what was read last.
    fn is_over(&self, last: Option<&hyper::Result<Frame<Bytes>>>) -> bool {
        match last {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || self.inner.is_end_stream(),
            Some(Err(_)) => false,
        }
    }

    /// Says that no more of a request comes.
    fn settle(&mut self) {
        if !std::mem::replace(&mut self.is_settled, true) {
            self.copy.all_asked();
        }
    }
}

/// The body of a request. Whoever passes it on can come back to what was left of it.
#[derive(Debug, Clone)]
pub(super) struct RequestBody(Arc<Mutex<CopiedBody>>);

impl RequestBody {
    pub(super) fn new(inner: Incoming, copy: Arc<ExchangeCopy>) -> Self {
        Self(Arc::new(Mutex::new(CopiedBody::new(
            inner,
            BodySide::Request,
            copy,
        ))))
    }

    fn lock(&self) -> MutexGuard<'_, CopiedBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that nobody asks for more of it: what was passed on is all that was asked.
    pub(super) fn settle(&self) {
        self.lock().settle();
    }

    /// Reads what is left of it where no server took it.
    pub(super) async fn drain(mut self) {
        let reading = async { while let Some(Ok(_)) = self.frame().await {} };
        // What does not come in time is not waited for.
        let _ = timeout(LINGER, reading).await;
        self.settle();
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.lock().poll(context)
    }

    fn is_end_stream(&self) -> bool {
        // Without this a request without a body would be sent as one with an empty body in chunks.
        self.lock().inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().inner.size_hint()
    }
}

/// The body of an answer; its end is that of the exchange.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: CopiedBody,
    /// Looks at the beginning of a stream, until it is known what that is.
    rewriter: Option<EndpointRewriter>,
    end: Option<ExchangeEnd>,
}

impl AnswerBody {
    pub(super) fn new(
        inner: Incoming,
        rewriter: Option<EndpointRewriter>,
        copy: Arc<ExchangeCopy>,
    ) -> Self {
        Self {
            body: CopiedBody::new(inner, BodySide::Answer, copy),
            rewriter,
            end: None,
        }
    }

    /// What is passed on of a frame that has come; nothing where it is held back.
    fn rewritten(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(rewriter) = &mut self.rewriter else {
            return Some(frame);
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return Some(trailers),
        };
        let passed = rewriter.take(&data)?;
        self.rewriter = None;
        Some(Frame::data(Bytes::from(passed)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            match ready!(self.body.poll(context)) {
                None => {
                    self.end = Some(ExchangeEnd::Complete);
                    let rest = self.rewriter.take().map(|mut it| it.rest());
                    let rest = rest.filter(|rest| !rest.is_empty());
                    return Poll::Ready(rest.map(|rest| Ok(Frame::data(Bytes::from(rest)))));
                }
                Some(Err(error)) => {
                    let why = super::upstream::cause(&error);
                    let why = compact_str::format_compact!("the answer broke off: {why}");
                    self.end = Some(ExchangeEnd::Broken(why));
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => {
                    if let Some(frame) = self.rewritten(frame) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // What is held back has still to come.
        self.rewriter.is_none() && self.body.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.rewriter {
            Some(_) => SizeHint::default(),
            None => self.body.inner.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // A body of a known length is not asked for more once it has passed.
        let is_whole = self.body.inner.is_end_stream();
        let usual = if is_whole {
            ExchangeEnd::Complete
        } else {
            ExchangeEnd::ClientLeft
        };
        let end = self.end.take().unwrap_or(usual);
        self.body.copy.end(end);
    }
}
