//! Starts child processes that cannot outlive this one.

use std::{
    io,
    sync::{OnceLock, mpsc},
};

use nix::{
    sys::{prctl, signal::Signal},
    unistd::{getpid, getppid},
};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

type Job = Box<dyn FnOnce() + Send>;

/// Starts `command` as the leader of a process group of its own, so that a Ctrl-C in the terminal reaches us alone and
/// we decide the order of stopping. The kernel sends it `at_parent_death` when this process dies, SIGKILL included.
///
/// # Errors
/// What the operating system says when the program cannot be started.
pub async fn spawn(mut command: Command, at_parent_death: Signal) -> io::Result<Child> {
    command.process_group(0);
    die_with_parent(&mut command, at_parent_death);
    let (answer, started) = oneshot::channel();
    let runtime = Handle::current();
    let job: Job = Box::new(move || {
        let _context = runtime.enter();
        if let Err(Ok(mut orphan)) = answer.send(command.spawn()) {
            // The caller gave up meanwhile, so nobody else will end it.
            drop(orphan.start_kill());
        }
    });
    spawner()?.send(job).map_err(|_gone| io::Error::other("the spawner thread has ended"))?;
    started.await.map_err(|_gone| io::Error::other("the spawner thread has ended"))?
}

/// Linux ties the parent-death signal to the *thread* that forked. Threads of an async runtime come and go, so one
/// thread, which lives as long as the process, does all the forking.
fn spawner() -> io::Result<mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(sender) = SPAWNER.get() {
        return Ok(sender.clone());
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new().name("stack-spawner".to_owned()).spawn(move || {
        for job in jobs {
            job();
        }
    })?;
    // Two first callers may both get here; the loser's thread ends with its sender.
    Ok(SPAWNER.get_or_init(|| sender).clone())
}

/// Makes the kernel send the child `signal` when the *thread* that starts it dies.
pub fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = getpid();
    // SAFETY: the closure runs in the forked child before exec and makes two system calls, which are
    // async-signal-safe; it neither allocates nor takes a lock. The standard library runs it after the change of
    // user, which would otherwise clear the parent-death signal.
    unsafe {
        command.pre_exec(move || {
            prctl::set_pdeathsig(signal)?;
            // The parent may have died before the line above: then no signal will ever come.
            if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

/// Asks the kernel to send this process SIGTERM when the process that started it dies, so that a killed `make` does
/// not leave a stack behind.
///
/// # Errors
/// When the operating system refuses.
pub fn stop_with_parent() -> io::Result<()> {
    Ok(prctl::set_pdeathsig(Signal::SIGTERM)?)
}
