//! Starts the server so that it dies with the tap, by whatever the tap dies. Only a process can ask
//! that of the kernel for itself, so that this program is run once more: it takes what belongs to the
//! server out of a socket, asks, and becomes the server.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::pipe::{PipeFlags, pipe_with};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A server that was started, and our ends of its pipes.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    /// Of its standard error, where that is not inherited.
    pub(super) errors: Option<OwnedFd>,
}

/// Starts a server from this thread, which must not end before the process does: the kernel takes
/// the end of the thread that started a process for the end of its parent.
///
/// `helper` is how this program is run to call [`become_server`]; without it, or where it cannot be
/// run, the server is started as it is.
pub(super) fn start(
    command: &[OsString],
    helper: Option<&[OsString]>,
    how: StartOptions,
) -> io::Result<Started> {
    match helper.and_then(<[OsString]>::split_first) {
        Some((program, arguments)) => {
            let mut helper = prepared(Command::new(program), how);
            helper.args(arguments);
            through(helper, command, how)
        }
        None => plain(command, how),
    }
}

/// What a server is started with.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartOptions {
    /// Whether it leads a process group of its own.
    pub(super) own_group: bool,
    /// Whether its standard error goes through us; else it has ours.
    pub(super) with_errors: bool,
}

fn prepared(mut command: Command, how: StartOptions) -> Command {
    if how.own_group {
        command.process_group(0);
    }
    if how.with_errors {
        command.stderr(Stdio::piped());
    }
    command
}

fn plain(command: &[OsString], how: StartOptions) -> io::Result<Started> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut child = prepared(Command::new(program), how)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let input = child.stdin.take().map(OwnedFd::from);
    let output = child.stdout.take().map(OwnedFd::from);
    whole(child, input, output)
}

fn whole(mut child: Child, input: Option<OwnedFd>, output: Option<OwnedFd>) -> io::Result<Started> {
    let errors = child.stderr.take().map(OwnedFd::from);
    match (input, output) {
        (Some(input), Some(output)) => Ok(Started {
            child,
            input,
            output,
            errors,
        }),
        _ => Err(io::Error::other("the server has no pipes")),
    }
}

/// Starts a server through the helper, whose standard input is a socket until it becomes the server.
fn through(mut helper: Command, command: &[OsString], how: StartOptions) -> io::Result<Started> {
    // Nothing else that is started may inherit these, or the server would not see its input end.
    let (servers_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let (status, servers_status) = pipe_with(PipeFlags::CLOEXEC)?;
    let (socket, servers_socket) = UnixStream::pair()?;
    helper
        .arg(std::process::id().to_string())
        .args(command)
        .stdin(OwnedFd::from(servers_socket))
        .stdout(Stdio::piped());
    let Ok(mut child) = helper.spawn() else {
        return plain(command, how);
    };
    // It holds the other end of the socket. If the helper died before it took the message, that end
    // would keep the message and the pipe in it open, and the read below would never end.
    drop(helper);
    send(&socket, &servers_input, &servers_status)?;
    drop((servers_input, servers_status));
    // It ends without a word when the helper has become the server.
    let mut failure = String::new();
    File::from(status).read_to_string(&mut failure)?;
    if let Ok(number) = failure.parse() {
        // The helper is at its end; without this it would stay a zombie.
        child.wait()?;
        return Err(io::Error::from_raw_os_error(number));
    }
    let output = child.stdout.take().map(OwnedFd::from);
    whole(child, Some(input), output)
}

fn send(socket: &UnixStream, input: &OwnedFd, status: &OwnedFd) -> io::Result<()> {
    let descriptors = [input.as_fd(), status.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    // Descriptors travel with at least one byte.
    sendmsg(
        socket,
        &[IoSlice::new(b".")],
        &mut ancillary,
        SendFlags::empty(),
    )?;
    Ok(())
}

/// Becomes the server in the process that the tap started for it: the tap's number, the program and
/// its arguments. Comes back only where that fails.
///
/// # Errors
/// When it fails and the tap does not learn of it; otherwise the tap says so.
pub fn become_server(arguments: &[OsString]) -> io::Result<()> {
    let (tap, command) = match arguments {
        [tap, command @ ..] if !command.is_empty() => (tap, command),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let (input, status) = received()?;
    let error = exec(tap, command, input);
    let number = error.raw_os_error().unwrap_or(0);
    // Nobody listens where the tap is gone.
    File::from(status)
        .write_all(number.to_string().as_bytes())
        .map_err(|_| error)
}

fn exec(tap: &OsStr, command: &[OsString], input: OwnedFd) -> io::Error {
    if let Err(error) = rustix::stdio::dup2_stdin(&input) {
        return error.into();
    }
    drop(input);
    #[cfg(target_os = "linux")]
    {
        let kill = Some(rustix::process::Signal::KILL);
        // Where the kernel does not know how, the server is run all the same.
        let _ = rustix::process::set_parent_process_death_signal(kill);
    }
    // The tap may have died before the kernel was asked.
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.is_none_or(|parent| tap != parent.as_str()) {
        return io::Error::other("the tap is gone");
    }
    Command::new(&command[0]).args(&command[1..]).exec()
}

fn received() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        rustix::stdio::stdin(),
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        // The kernel closes the status when the helper becomes the server: by that the tap knows.
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    match (descriptors.next(), descriptors.next()) {
        (Some(input), Some(status)) => Ok((input, status)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
