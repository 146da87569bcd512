//! Follows a command: the program its words name, and the command that this program starts in turn.
//!
//! In: words, and who executes them. Out: a [`Proof`] of the whole chain. Not here: the single steps (`lookup`,
//! `exec`), shell scripts (`script`), programs that start other programs (`wrappers`).

use crate::facts::access::Actor;
use crate::facts::access::Capabilities;
use crate::facts::loader;
use crate::facts::process::DEFAULT_PATH;
use crate::facts::process::Missing;
use crate::facts::process::ProcessContext;
use crate::facts::process::fits_argument_limits;
use crate::facts::proof::Fault;
use crate::facts::proof::Proof;
use crate::facts::proof::Started;
use crate::facts::proof::exec;
use crate::facts::proof::exec::Executed;
use crate::facts::proof::lookup;
use crate::facts::proof::lookup::By;
use crate::facts::proof::lookup::Miss;
use crate::facts::proof::programs;
use crate::facts::proof::quoted;
use crate::facts::proof::script;
use crate::facts::proof::wrappers;
use crate::facts::proof::wrappers::Next;
use crate::facts::start::file_name;
use crate::facts::start::is_shell;
use crate::limits;
use crate::model::finding::Undecided;
use crate::model::program::Head;
use crate::model::text::shown;
use crate::view::NodeId;
use crate::view::Resolved;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashSet;

/// Proves commands, within one limit for all the commands that start each other.
pub struct Prover {
    capabilities: Capabilities,
    left: Cell<usize>,
    depth: Cell<usize>,
    exhausted: Cell<bool>,
    /// Programs whose libraries are already in a step.
    told: RefCell<HashSet<NodeId>>,
}

impl Prover {
    /// For containers that get these capabilities.
    pub fn new(capabilities: Capabilities) -> Prover {
        Prover {
            capabilities,
            left: Cell::new(limits::COMMANDS_PROVED),
            depth: Cell::new(0),
            exhausted: Cell::new(false),
            told: RefCell::default(),
        }
    }

    /// Whether the limit is exhausted; the first command beyond it has an undecided question that says so.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// Runs `what` one command deeper; true if that would be too deep, and nothing was done.
    pub fn deeper(&self, what: impl FnOnce()) -> bool {
        if self.depth.get() >= limits::COMMAND_DEPTH {
            return true;
        }
        self.depth.set(self.depth.get() + 1);
        what();
        self.depth.set(self.depth.get() - 1);
        false
    }

    /// Proves a command.
    pub fn launch(&self, process: &ProcessContext<'_>, argv: &[String], by: By) -> Proof {
        let mut proof = Proof::default();
        let Some(word) = argv.first() else { return proof };
        let left = self.left.get();
        let limit = match () {
            () if left == 0 => Some("there are more commands than the limit (commands proved)"),
            () if self.depth.get() >= limits::COMMAND_DEPTH => {
                Some("commands are nested deeper than the limit (command depth)")
            }
            () => None,
        };
        if let Some(limit) = limit {
            self.exhausted.set(self.exhausted.get() || left == 0);
            proof.open(Undecided::denied(quoted(word), limit));
            return proof;
        }
        if !fits_argument_limits(argv) {
            let what = format!("{} is given longer arguments than Linux passes to a program", quoted(word));
            proof.fault(process, Fault::new(shown(word), what, None));
            return proof;
        }
        // Words are copied from step to step.
        if let Err(question) = process.facts.spend(argv.iter().map(String::len).sum()) {
            self.exhausted.set(true);
            proof.open(question);
            return proof;
        }
        self.left.set(left - 1);
        self.depth.set(self.depth.get() + 1);
        self.run(process, argv, by, &mut proof);
        self.depth.set(self.depth.get() - 1);
        proof
    }

    fn run(&self, process: &ProcessContext<'_>, argv: &[String], by: By, proof: &mut Proof) {
        let word = &argv[0];
        let kernel = match (by, self.capabilities) {
            (By::Runtime, Capabilities::Docker) => process.actor.overriding(),
            _ => process.actor.clone(),
        };
        let program = match lookup::find(process, &kernel, word, by) {
            Ok(program) => program,
            Err(Miss::Open(question)) => return proof.open(question),
            Err(Miss::Fault(fault)) => return proof.fault(process, fault),
        };
        let (path, node) = (program.path.clone(), program.node);
        match exec::exec(process, &kernel, program, argv, proof) {
            // If the kernel says that something doesn't exist, dash, busybox ash and execvp(3) try the next directory.
            Executed::Stopped if by != By::Runtime && lookup::has_another(process, &kernel, word, &path) => {
                proof.soften_all("a later PATH directory has one too, and some programs go on to try it");
            }
            Executed::Stopped => {}
            // What the script needs may be unreachable too: report everything at once.
            Executed::Unread(started) => programs::needs(self, process, &started, &started.argv, proof),
            Executed::Started(started) => self.started(process, &kernel, started, proof),
            Executed::Plain(_) if by == By::Shell => {
                proof.step(
                    format!(
                        "{} → {}: a script without a #! line, read by the shell",
                        quoted(&path),
                        process.name(node)
                    ),
                    None,
                );
                script::file(self, process, path.as_bytes(), &argv[1..], script::Options::default(), proof);
            }
            Executed::Plain(_) if by == By::Program => {
                let reason = format!(
                    "{} has no #! line and is not an ELF file, and not every program passes such a file to a shell",
                    process.name(node)
                );
                proof.open(Undecided::unknowable(quoted(word), reason));
            }
            Executed::Plain(node) => {
                let what = match process.view.stat(node).map_or(0, |stat| stat.size) {
                    0 => format!("{} is empty", process.name(node)),
                    _ => format!(
                        "{} has no #! line and is not an ELF program, so only a shell could run it",
                        process.name(node)
                    ),
                };
                let fix = "Start the script with a line that names its interpreter: #!/bin/sh";
                proof.fault(process, Fault::new(shown(word), what, Some(node)).fix(fix));
            }
        }
    }

    /// Proves what an executed program needs, and what it starts.
    fn started(&self, process: &ProcessContext<'_>, kernel: &Actor, started: Started, proof: &mut Proof) {
        self.libraries(process, kernel, &started, proof);
        proof.started.push(started.clone());
        if proof.fails() {
            return;
        }
        self.next(process, &started, &started.argv, proof);
    }

    /// Proves what a program starts, by its name and its words.
    fn next(&self, process: &ProcessContext<'_>, started: &Started, argv: &[String], proof: &mut Proof) {
        // `busybox busybox ls` is `ls`.
        let is_busybox = |word: &String| file_name(word) == "busybox";
        let applet = argv.iter().take(argv.len() - 1).take_while(|word| is_busybox(word)).count();
        let argv = &argv[applet..];
        if applet > 0 && !has_applet(process, started.program, &argv[0]) {
            let reason = "no link of that name leads to this busybox, and only running it shows which applets it has";
            proof.open(Undecided::unknowable(quoted(&argv[0]), reason));
        }
        let name = file_name(&argv[0]);
        if is_shell(name) {
            return script::shell(self, process, started.program, argv, proof);
        }
        match wrappers::next(process, started.program, argv) {
            Next::None => programs::needs(self, process, started, argv, proof),
            Next::Command { process, words } => proof.nest(self.launch(&process, &words, By::Program)),
            Next::Fault(fault) => proof.fault(process, fault),
            Next::Open(question) => proof.open(question),
        }
    }

    /// Checks the machine that a program is built for, its loader and its libraries.
    fn libraries(&self, process: &ProcessContext<'_>, kernel: &Actor, started: &Started, proof: &mut Proof) {
        let Some(Head::Elf(elf)) = process.view.head(started.program) else { return };
        let architecture = &process.facts.image().config.architecture;
        let fault = |what: String, place| Fault::new(shown(file_name(&started.path)), what, place);
        if loader::machine_fits(elf, architecture) == Some(false) {
            let what = format!(
                "{} is built for {}, but the image is for {}",
                process.name(started.program),
                loader::machine_name(elf),
                shown(architecture)
            );
            return proof.fault(process, fault(what, Some(started.program)));
        }
        let (process, secure) = self.as_owner(process, started.program);
        let loaded = loader::load(&process, started.program, kernel, secure);
        if let Some(interpreter) = loaded.interpreter
            && self.told.borrow_mut().insert(started.program)
        {
            let libraries = match loaded.libraries.len() {
                0 => "no libraries".to_string(),
                1 => "1 library".to_string(),
                many => format!("{many} libraries"),
            };
            let text = format!("loader {}, {libraries}", process.name(interpreter));
            proof.step(text, process.view.stat(interpreter).and_then(|stat| stat.layer));
        }
        for Missing { what, place, .. } in loaded.lacks {
            proof.fault(&process, fault(what, place));
        }
        loaded.open.into_iter().for_each(|question| proof.open(question));
    }

    /// The process after the set-id bits of its program, and whether the loader treats it as privileged (ld.so(8),
    /// "secure-execution mode"; file capabilities don't count for a real uid 0, security/commoncap.c).
    fn as_owner<'a>(&self, process: &ProcessContext<'a>, program: NodeId) -> (ProcessContext<'a>, bool) {
        let Some(stat) = process.view.stat(program) else { return (process.clone(), false) };
        let mut owned = process.clone();
        if stat.mode & 0o4000 != 0 {
            owned.actor.uid = stat.uid;
            owned.actor.overrides = stat.uid == 0 && self.capabilities == Capabilities::Docker;
        }
        if stat.mode & 0o2010 == 0o2010 {
            owned.actor.gid = stat.gid;
        }
        let has_capabilities =
            process.view.xattrs(program).iter().any(|xattr| &xattr.name[..] == b"security.capability");
        let secure = owned.actor.uid != process.actor.uid
            || owned.actor.gid != process.actor.gid
            || has_capabilities && process.actor.uid != 0;
        (owned, secure)
    }
}

/// Whether a link shows that a busybox has an applet; distributions create one for each.
fn has_applet(process: &ProcessContext<'_>, busybox: NodeId, applet: &str) -> bool {
    let inode = |node| process.view.stat(node).map(|stat| stat.inode);
    DEFAULT_PATH.split(':').any(|directory| {
        match process.view.resolve(format!("{directory}/{applet}").as_bytes(), true) {
            Resolved::Found(node) => inode(node) == inode(busybox),
            _ => false,
        }
    })
}
