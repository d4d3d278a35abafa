//! A folder becomes a response that is an archive of it and all below it.
//!
//! A walk notes what there is; from that follow the length, the entity-tag and what each byte is,
//! so an archive is sent whole or in part like a file. Its files are opened only while they are
//! sent, one after the other, and must still be what the walk noted. What has grown is cut at its
//! noted size; what is gone, has shrunk, or was replaced or rewritten ends the response, since the
//! client would take the bytes of two states for one. A file that was rewritten in place with more
//! bytes cannot be told from one that has grown.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::archive::{self, Kind, Plan};
use super::bodies::{Bodies, Failure};
use super::files;
use super::representation::{self, Content, Description, Representation};
use super::root::{OpenError, OpenFile, Opened, Root};
use super::walk::Walk;
use crate::gate::{Permit, Requester};
use crate::http::conditional::Validators;
use crate::http::date::Date;
use crate::http::range::ByteRange;
use crate::http::request::Request;
use crate::http::response::{self, Chunk, Response, Stream};

/// The name of the archived folder where it has none: the root of the file system.
const UNNAMED: &[u8] = b"root";

/// An archive on its way.
#[derive(Debug)]
struct Archive {
    root: Arc<Root>,
    folder: OwnedFd,
    /// The folder's path below the root.
    path: Vec<u8>,
    plan: Plan,
}

/// The response for a folder as an archive.
pub(crate) fn respond(
    root: &Arc<Root>,
    options: &files::Options,
    bodies: &Bodies,
    folder: OwnedFd,
    request: &Request<'_>,
    now: Date,
    requester: &dyn Requester,
) -> Result<Response, Failure> {
    let limit = options.archive_limit;
    let path = request.target.path();
    let name = request.target.names().last().unwrap_or(root.name().unwrap_or(UNNAMED));
    let dotfiles = options.dotfiles;
    let make =
        |maker: &Permit| Walk { root, dotfiles, limit, path, requester, maker }.plan(&folder, name);
    let (plan, permit) = bodies.make(requester, make, Plan::held_bytes)?;
    let description = Description {
        // No date: that of the newest file would stay when another one is replaced by an older.
        validators: Validators::new(plan.etag(), None, now),
        coding: None,
        varies_by: None,
        disposition: Some(response::attachment(&[name, b".tar"].concat())),
    };
    let length = plan.length();
    let archive = Archive { root: Arc::clone(root), folder, path: path.to_vec(), plan };
    let content = Content::Stream(Box::new(archive));
    let media_type = "application/x-tar".to_owned();
    let representation = Representation { content, length, media_type, description };
    Ok(representation::respond(representation, request).holding(permit))
}

impl Stream for Archive {
    fn parts(&self, span: ByteRange) -> Box<dyn Iterator<Item = Option<Chunk>> + '_> {
        Box::new(self.plan.parts(span).map(|part| match part {
            archive::Chunk::Bytes(bytes) => Some(Chunk::Bytes(bytes)),
            archive::Chunk::Content { entry, span } => Some(Chunk::File(self.open(entry)?, span)),
        }))
    }
}

impl Archive {
    /// Opens the file of an entry, if it still is what it was.
    fn open(&self, entry: usize) -> Option<File> {
        let (kind, noted) = self.plan.entry(entry);
        let path = self.plan.path_below(entry);
        let opened = match kind {
            Kind::Link => self.root.entry(&files::join(&self.path, path)),
            Kind::File | Kind::Folder => self.root.entry_below(&self.folder, path),
        };
        match opened {
            Ok(Opened::File(OpenFile { file, metadata }))
                if metadata == *noted
                    || metadata.inode == noted.inode && metadata.size > noted.size =>
            {
                Some(file)
            }
            Err(OpenError::Unavailable(errno) | OpenError::Failed(errno)) => {
                log::warn!("cannot open a file of an archive that is being sent: {errno}");
                None
            }
            Ok(_) | Err(OpenError::NotFound | OpenError::Forbidden) => None,
        }
    }
}
