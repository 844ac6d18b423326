//! The folder of pages: what is opened lies in it, also when all links are followed, and is a plain file.

use std::fs::Metadata;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio::task::spawn_blocking;
use tower_http::services::fs::{Backend, File};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// The folder, and the app's that it lies in.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: Arc<Path>,
    app: Arc<Path>,
}

impl Folder {
    pub(super) fn new(root: &Path, app: &Path) -> Folder {
        Folder { root: root.into(), app: app.into() }
    }

    /// Where a path leads when all links are followed. The folder itself is looked up each time, since it may be replaced
    /// by a link to a newer one.
    fn inside(&self, path: &Path) -> io::Result<PathBuf> {
        // A name that is too long or a link that goes round leads nowhere either.
        let led = |path: &Path| path.canonicalize().map_err(|_| io::Error::from(io::ErrorKind::NotFound));
        let (app, root, found) = (led(&self.app)?, led(&self.root)?, led(path)?);
        if root != app && root.starts_with(&app) && found.starts_with(&root) {
            Ok(found)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn look(&self, path: &Path) -> io::Result<(PathBuf, Metadata)> {
        let found = self.inside(path)?;
        let metadata = found.metadata()?;
        // To open a pipe or a device could wait for ever.
        if metadata.is_file() || metadata.is_dir() {
            Ok((found, metadata))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn open_file(&self, path: &Path) -> io::Result<Page> {
        let (found, metadata) = self.look(path)?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = std::fs::File::open(found)?;
        let metadata = file.metadata()?;
        Ok(Page { file: tokio::fs::File::from_std(file), left: metadata.len(), metadata })
    }
}

impl Backend for Folder {
    type File = Page;
    type Metadata = Metadata;
    type OpenFuture = Boxed<'static, Page>;
    type MetadataFuture = Boxed<'static, Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let folder = self.clone();
        Box::pin(async move { spawn_blocking(move || folder.open_file(&path)).await? })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let folder = self.clone();
        Box::pin(async move { spawn_blocking(move || folder.look(&path).map(|(_, metadata)| metadata)).await? })
    }
}

/// A file as it was when it was opened: what is added to it later is not sent, since its length was told already.
#[derive(Debug)]
pub(super) struct Page {
    file: tokio::fs::File,
    metadata: Metadata,
    /// Bytes that may still be read.
    left: u64,
}

impl File for Page {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Boxed<'a, Metadata>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(std::future::ready(Ok(self.metadata.clone())))
    }
}

impl AsyncRead for Page {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.remaining());
        if most == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.file).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.left -= read as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Page {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let position = ready!(Pin::new(&mut self.file).poll_complete(context))?;
        self.left = self.metadata.len().saturating_sub(position);
        Poll::Ready(Ok(position))
    }
}
